import { createHash } from 'node:crypto';
import { keyLayout, type ObjectStore } from '@vanda/objects';
import type pg from 'pg';

/** The job that succeeded, with everything that it left. */
export const ids = {
  project: 'prj_1',
  job: 'job_1',
  attempt: 'att_1',
  version: 'mv_1',
  endpoint: 'ep_1',
};

export const weightsKey = keyLayout.modelFile(ids.version, 'weights.safetensors');
const graphKey = keyLayout.modelFile(ids.version, 'model.json');

/** One job that trained, registered and deployed: the rows and objects of an installation in order. */
export async function makeHealthy(client: pg.Client, store: ObjectStore): Promise<void> {
  const { project, job, attempt, version, endpoint } = ids;
  await client.query(`
    INSERT INTO projects (id, name) VALUES ('${project}', 'first');
    INSERT INTO datasets (id, project_id, name, kind, latest_version)
      VALUES ('ds_1', '${project}', 'mnist', 'images', 1);
    INSERT INTO dataset_versions (id, dataset_id, version, kind, content_hash, items, bytes, profile)
      VALUES ('dv_1', 'ds_1', 1, 'images', 'abc', 10, 100, '{}');
    INSERT INTO jobs (id, project_id, kind, name, task, state, spec, submitted_spec,
        dataset_version_id, device, lease_token, finished_at)
      VALUES ('${job}', '${project}', 'train', 'digits', 'image-classification', 'succeeded',
        '{}', '{}', 'dv_1', 'cpu', 1, now());
    INSERT INTO attempts (id, job_id, number, state, token, worker_id, lease_until, produced, finished_at)
      VALUES ('${attempt}', '${job}', 1, 'succeeded', 1, 'wrk_1', now(), 4, now());
    INSERT INTO metric_batches (attempt_id, seq, points, count) VALUES
      ('${attempt}', 1, '[[1, 1, "train.loss", 2.3], [2, 1, "train.loss", 1.9]]', 2),
      ('${attempt}', 2, '[[3, 1, "train.loss", 1.2], [3, 1, "validation.loss", 1.1]]', 2);
    INSERT INTO log_batches (attempt_id, seq, lines) VALUES ('${attempt}', 1, '[]');
    INSERT INTO history (project_id, noun, subject_id, label, from_state, to_state, event) VALUES
      ('${project}', 'job', '${job}', 'digits', NULL, 'queued', 'submit'),
      ('${project}', 'job', '${job}', 'digits', 'queued', 'running', 'start'),
      ('${project}', 'attempt', '${attempt}', 'digits', NULL, 'running', 'start'),
      ('${project}', 'attempt', '${attempt}', 'digits', 'running', 'succeeded', 'succeed'),
      ('${project}', 'job', '${job}', 'digits', 'running', 'succeeded', 'succeed'),
      ('${project}', 'endpoint', '${endpoint}', 'digits', NULL, 'active', 'create');
    INSERT INTO models (id, project_id, name, task, latest_version)
      VALUES ('mdl_1', '${project}', 'digits', 'image-classification', 1);
    INSERT INTO model_versions (id, model_id, version, job_id, dataset_version_id, spec,
        engine_version, signature, metrics, bytes)
      VALUES ('${version}', 'mdl_1', 1, '${job}', 'dv_1', '{}', '1', '{}', '{}', 7);
    INSERT INTO endpoints (id, project_id, name, model_id, state, seq)
      VALUES ('${endpoint}', '${project}', 'digits', 'mdl_1', 'active', 1);
    INSERT INTO ledger (endpoint_id, seq, action, model_version_id, traffic, actor)
      VALUES ('${endpoint}', 1, 'create', '${version}', '[{"version": 1, "percent": 100}]', 'job_1');
    INSERT INTO outbox (queue, subject_id, payload, sent_at)
      VALUES ('training', '${job}', '{"jobId": "${job}"}', now());`);
  await nameBytes(client, store, graphKey, 'graph');
  await nameBytes(client, store, weightsKey, 'weights');
}

async function nameBytes(client: pg.Client, store: ObjectStore, key: string, role: string) {
  const bytes = Buffer.from(`the ${role}`);
  await store.put(key, bytes);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await client.query(
    'INSERT INTO objects (key, project_id, sha256, bytes) VALUES ($1, $2, $3, $4)',
    [key, ids.project, sha256, bytes.length],
  );
  await client.query(
    "INSERT INTO object_refs (object_key, owner_kind, owner_id, role) VALUES ($1, 'model-version', $2, $3)",
    [key, ids.version, role],
  );
}
