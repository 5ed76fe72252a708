import { mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyLayout, type ObjectStore, openObjectStore } from '@vanda/objects';
import { startPostgres, type TestDatabase } from '@vanda/testing';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { audit } from './audit.ts';
import { ids, makeHealthy, weightsKey } from './healthy-installation.fixture.ts';

let folder: string;
let store: ObjectStore;
let database: TestDatabase;
let client: pg.Client;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vanda-audit-'));
  const publicUrl = 'http://127.0.0.1:3000';
  store = await openObjectStore({ url: `disk:${folder}`, publicUrl, secret: '0'.repeat(64) });
  database = await (await startPostgres()).freshDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await makeHealthy(client, store);
});
afterEach(async () => {
  await client.end();
  await store.close();
  await database.drop();
  rmSync(folder, { recursive: true });
});

/** What the audit finds after a violation, as `check subject message`. */
async function findings({ drained = false } = {}): Promise<string[]> {
  const report = await audit({ databaseUrl: database.url, store, drained });
  return report.findings.map(({ check, subject, message }) => `${check} ${subject} ${message}`);
}

/** Plants a violation past every constraint and trigger that would have refused it. */
async function plant(...statements: string[]): Promise<void> {
  await client.query('SET session_replication_role = replica');
  for (const statement of statements) await client.query(statement);
  await client.query('SET session_replication_role = origin');
}

test('an installation in order has no finding, drained or not', async () => {
  expect(await findings()).toEqual([]);
  expect(await findings({ drained: true })).toEqual([]);
});

const secondAttempt = `INSERT INTO attempts (id, job_id, number, state, token, worker_id, lease_until)
  VALUES ('att_2', '${ids.job}', 2, 'running', 2, 'wrk_2', now() + interval '1 minute')`;

const preview = `INSERT INTO previews (id, job_id, attempt_id, epoch, signature)
  VALUES ('pvw_1', '${ids.job}', '${ids.attempt}', 1, '{}')`;

test.each<[string, RegExp, string[]]>([
  [
    'two live leases',
    /^leases job_1 2 attempts hold a live lease/,
    [
      'DROP INDEX attempts_one_running_per_job',
      secondAttempt,
      `UPDATE attempts SET state = 'running', lease_until = now() + interval '1 minute' WHERE number = 1`,
    ],
  ],
  [
    'a running attempt of a job that ended',
    /^leases job_1 the job is succeeded and has 1/,
    [secondAttempt],
  ],
  [
    'a token that was never given out',
    /^leases job_1 an attempt has the token 9/,
    [`UPDATE attempts SET token = 9`],
  ],
  [
    'a job that came back from its end',
    /^history job_1 history row \d+: /,
    [
      `INSERT INTO history (project_id, noun, subject_id, label, from_state, to_state, event)
        VALUES ('${ids.project}', 'job', '${ids.job}', 'digits', 'succeeded', 'running', 'start')`,
      `UPDATE jobs SET state = 'running'`,
    ],
  ],
  [
    'a history with a row missing',
    /^history job_1 history row \d+: it starts from running/,
    [`DELETE FROM history WHERE noun = 'job' AND to_state = 'running'`],
  ],
  [
    'a state without history',
    /^history job_1 the job is failed, and its history ends in succeeded/,
    [`UPDATE jobs SET state = 'failed'`],
  ],
  [
    'a succeeded job without a model version',
    /^models job_1 the job succeeded and has 0 model versions/,
    ['DELETE FROM ledger', 'DELETE FROM model_versions'],
  ],
  [
    'a model version of a cancelled job',
    /^models job_1 the job cancelled and has 1 model versions/,
    [`UPDATE jobs SET state = 'cancelled'`],
  ],
  [
    'a model version without weights',
    /^models mv_1 the model version has no object in the role weights/,
    [`DELETE FROM object_refs WHERE role = 'weights'`],
  ],
  [
    'predictions of which one file is missing',
    /^models mv_1 the model version keeps the predictions of 3 items and has no object in the role pred/,
    [`UPDATE model_versions SET test_items = 3`],
  ],
  [
    'predictions that the row knows nothing of',
    /^models mv_1 the model version names an object in the role test-items, but keeps no predictions/,
    [`UPDATE object_refs SET role = 'test-items' WHERE role = 'weights'`],
  ],
  [
    'a deleted version that still names its objects',
    /^models mv_1 the model version names an object in the role graph, but is deleted/,
    ['UPDATE model_versions SET deleted_at = now()'],
  ],
  [
    'an object that nothing names',
    /^objects models\/mv_1\/model\.json nothing names/,
    [`DELETE FROM object_refs WHERE role = 'graph'`],
  ],
  [
    'a wrong size',
    /^objects models\/mv_1\/.* the row says 99 bytes/,
    ['UPDATE objects SET bytes = 99'],
  ],
  [
    'a wrong hash',
    /^objects models\/mv_1\/.* the row says SHA-256 beef/,
    [`UPDATE objects SET sha256 = 'beef'`],
  ],
  [
    'a metric batch that was lost',
    /^metrics att_1 its metric batches are numbered 2 to 2/,
    ['DELETE FROM metric_batches WHERE seq = 1'],
  ],
  [
    'a metric point that is there twice',
    /^metrics att_1 the point train.loss at step 2 is there 2 times/,
    [
      `UPDATE metric_batches SET points = '[[2, 1, "train.loss", 1.2], [3, 1, "train.loss", 1.1]]' WHERE seq = 2`,
    ],
  ],
  [
    'a step without a point',
    /^metrics att_1 train.loss has 3 points between the steps 1 and 4/,
    [
      `UPDATE metric_batches SET points = '[[4, 1, "train.loss", 1.2], [3, 1, "validation.loss", 1]]' WHERE seq = 2`,
    ],
  ],
  [
    'a point that was produced and never arrived',
    /^metrics att_1 it produced 5 points, and 4 arrived/,
    ['UPDATE attempts SET produced = 5'],
  ],
  [
    'a preview without its weights',
    /^previews pvw_1 the preview has no object in the role weights/,
    [preview],
  ],
  [
    'a preview that outlived its job',
    /^previews pvw_1 the preview is still there although its job job_1 is succeeded/,
    [preview, `UPDATE jobs SET finished_at = now() - interval '11 minutes'`],
  ],
  [
    'a preview of an attempt of another job',
    /^previews pvw_1 the preview is of the attempt att_1, which is not one of its job job_2/,
    [preview, `UPDATE previews SET job_id = 'job_2'`],
  ],
  [
    'bytes of a preview that is gone',
    /^previews pvw_9 the preview is gone, and its object models\/mv_1\/weights.safetensors is still named/,
    [`INSERT INTO object_refs VALUES ('${weightsKey}', 'preview', 'pvw_9', 'weights')`],
  ],
  [
    'traffic that does not add up',
    /^ledger ep_1 the traffic of ledger row 1 is 90 %/,
    [`UPDATE ledger SET traffic = '[{"version": 1, "percent": 90}]'`],
  ],
  [
    'a ledger with a gap',
    /^ledger ep_1 ledger row 3 stands in place 2/,
    [
      `INSERT INTO ledger SELECT endpoint_id, 3, 'deploy', model_version_id, traffic, actor, at FROM ledger`,
    ],
  ],
  [
    'an endpoint that is not where its ledger is',
    /^ledger ep_1 the endpoint is at ledger row 2/,
    ['UPDATE endpoints SET seq = 2'],
  ],
  [
    'an endpoint that serves what was deleted',
    /^ledger ep_1 it serves version 1, which was deleted/,
    ['UPDATE model_versions SET deleted_at = now()'],
  ],
])('%s is found', async (_, expected, statements) => {
  await plant(...statements);
  expect(await findings()).toContainEqual(expect.stringMatching(expected));
});

test('a row without its bytes is found', async () => {
  await store.delete(weightsKey);
  expect(await findings()).toEqual([`objects ${weightsKey} the row has no object in the store.`]);
});

test('bytes without a row are found once they are older than an hour', async () => {
  const key = keyLayout.upload('upl_9');
  await store.put(key, Buffer.from('left behind'));
  expect(await findings()).toEqual([]);
  const file = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .find((name) => name.endsWith('upl_9'));
  const overAnHourAgo = Date.now() / 1000 - 3660;
  utimesSync(file ?? '', overAnHourAgo, overAnHourAgo);
  expect(await findings()).toEqual([
    `objects ${key} the store has an object without a row, 1 h old.`,
  ]);
});

test('what still waits is a finding only where all should have ended', async () => {
  await plant(
    `UPDATE outbox SET sent_at = NULL`,
    `INSERT INTO ingests (id, project_id, dataset_id, options, state)
      VALUES ('ing_1', '${ids.project}', 'ds_1', '{}', 'queued')`,
    `INSERT INTO history (project_id, noun, subject_id, label, from_state, to_state, event)
      VALUES ('${ids.project}', 'ingest', 'ing_1', 'mnist', NULL, 'queued', 'create')`,
  );
  expect(await findings()).toEqual([]);
  expect(await findings({ drained: true })).toEqual([
    'ends ing_1 the push is still queued.',
    expect.stringMatching(/^ends job_1 the outbox row \d+ for training waits\.$/),
  ]);
});
