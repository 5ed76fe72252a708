import type { AuditCheck } from '../audit.ts';

interface Finding {
  subject: string;
  message: string;
}

/** For an installation that has come to rest: everything acknowledged has ended, nothing waits. */
export const checkEnds: AuditCheck = async ({ rows }) => [
  ...(await rows<Finding>(`
    SELECT id AS subject, 'the job is still ' || state || '.' AS message FROM jobs
    WHERE state NOT IN ('succeeded', 'failed', 'cancelled')`)),
  ...(await rows<Finding>(`
    SELECT id AS subject, 'the push is still ' || state || '.' AS message FROM ingests
    WHERE state NOT IN ('succeeded', 'failed')`)),
  ...(await rows<Finding>(`
    SELECT id AS subject, 'the export is still ' || state || '.' AS message FROM exports
    WHERE state NOT IN ('succeeded', 'failed')`)),
  ...(await rows<Finding>(`
    SELECT id AS subject, 'the import is still ' || state || '.' AS message FROM imports
    WHERE state NOT IN ('succeeded', 'failed')`)),
  ...(await rows<Finding>(`
    SELECT subject_id AS subject, 'the outbox row ' || id || ' for ' || queue || ' waits.' AS message
    FROM outbox WHERE sent_at IS NULL`)),
];
