import type { AuditCheck } from '../audit.ts';

interface JobRow {
  id: string;
  state: string;
  versions: number;
}

interface VersionRow {
  id: string;
  wrong: string;
}

/**
 * One model version for each succeeded training job and each succeeded import, none for any other, each with its
 * objects and made by one of the two.
 */
export const checkModels: AuditCheck = async ({ rows }) => {
  const jobs = await rows<JobRow>(`
    SELECT j.id, j.state, count(v.id)::int AS versions
    FROM jobs j LEFT JOIN model_versions v ON v.job_id = j.id
    WHERE j.kind = 'train' GROUP BY j.id`);
  const versions = await rows<VersionRow>(`
    SELECT v.id, 'has no object in the role ' || needed || '.' AS wrong
    FROM model_versions v, unnest(ARRAY['graph', 'weights']) needed
    WHERE v.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM object_refs r
      WHERE r.owner_kind = 'model-version' AND r.owner_id = v.id AND r.role = needed)
    UNION ALL
    SELECT v.id, 'keeps the predictions of ' || v.test_items || ' items and has no object in the role ' || needed || '.'
    FROM model_versions v, unnest(ARRAY['predictions', 'test-items']) needed
    WHERE v.deleted_at IS NULL AND v.test_items IS NOT NULL AND NOT EXISTS (SELECT 1 FROM object_refs r
      WHERE r.owner_kind = 'model-version' AND r.owner_id = v.id AND r.role = needed)
    UNION ALL
    SELECT v.id, 'names an object in the role ' || r.role || CASE WHEN v.deleted_at IS NULL
      THEN ', but keeps no predictions.' ELSE ', but is deleted.' END
    FROM model_versions v JOIN object_refs r ON r.owner_kind = 'model-version' AND r.owner_id = v.id
    WHERE v.deleted_at IS NOT NULL
      OR (v.test_items IS NULL AND r.role IN ('predictions', 'test-items'))
    UNION ALL
    SELECT v.id, 'is version ' || v.version || ' of a model that counts to ' || m.latest_version || '.'
    FROM model_versions v JOIN models m ON m.id = v.model_id WHERE v.version > m.latest_version
    UNION ALL
    SELECT v.id, 'was made by no job and by no import.'
    FROM model_versions v WHERE v.job_id IS NULL
      AND NOT EXISTS (SELECT 1 FROM imports i WHERE i.model_version_id = v.id)
    UNION ALL
    SELECT v.id, 'was made by the import ' || i.id || ', which is ' || i.state || '.'
    FROM model_versions v JOIN imports i ON i.model_version_id = v.id WHERE i.state <> 'succeeded'
    UNION ALL
    SELECT v.id, 'was made from other data than its job, ' || j.dataset_version_id || '.'
    FROM model_versions v JOIN jobs j ON j.id = v.job_id
    WHERE v.dataset_version_id <> j.dataset_version_id`);
  return [
    ...jobs
      .filter(({ state, versions }) => versions !== (state === 'succeeded' ? 1 : 0))
      .map(({ id, state, versions }) => ({
        subject: id,
        message: `the job ${state} and has ${versions} model versions.`,
      })),
    ...versions.map(({ id, wrong }) => ({ subject: id, message: `the model version ${wrong}` })),
  ];
};
