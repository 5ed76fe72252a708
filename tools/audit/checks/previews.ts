import type { AuditCheck } from '../audit.ts';

interface PreviewRow {
  id: string;
  wrong: string;
}

/** The worker that ends a job frees its preview at once, and upkeep every minute: this long at the most. */
const lateMinutes = 10;

/** A preview has its objects, belongs to an attempt of its job and does not outlive it; no object is left of others. */
export const checkPreviews: AuditCheck = async ({ rows }) => {
  const found = await rows<PreviewRow>(`
    SELECT p.id, 'has no object in the role ' || needed || '.' AS wrong
    FROM previews p, unnest(ARRAY['graph', 'weights']) needed
    WHERE NOT EXISTS (SELECT 1 FROM object_refs r
      WHERE r.owner_kind = 'preview' AND r.owner_id = p.id AND r.role = needed)
    UNION ALL
    SELECT p.id, 'is of the attempt ' || a.id || ', which is not one of its job ' || p.job_id || '.'
    FROM previews p JOIN attempts a ON a.id = p.attempt_id WHERE a.job_id <> p.job_id
    UNION ALL
    SELECT p.id, 'is still there although its job ' || j.id || ' is ' || j.state || '.'
    FROM previews p JOIN jobs j ON j.id = p.job_id
    WHERE j.state IN ('succeeded', 'failed', 'cancelled')
      AND j.finished_at < now() - interval '${lateMinutes} minutes'
    UNION ALL
    SELECT r.owner_id, 'is gone, and its object ' || r.object_key || ' is still named.'
    FROM object_refs r
    WHERE r.owner_kind = 'preview' AND NOT EXISTS (SELECT 1 FROM previews p WHERE p.id = r.owner_id)`);
  return found.map(({ id, wrong }) => ({ subject: id, message: `the preview ${wrong}` }));
};
