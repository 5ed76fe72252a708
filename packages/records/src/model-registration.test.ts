import { startPostgres, type TestDatabase } from '@vanda/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Database, inTransaction, openDatabase } from './database.ts';
import { claimed, makeProject, submit, trainedModel } from './jobs.fixture.ts';
import { deleteJob, findJob } from './jobs.ts';
import { succeedAttempt } from './model-registration.ts';
import { deliverOutbox, ringAgain } from './outbox.ts';
import {
  notePointsProduced,
  readLogs,
  readSeries,
  storeLogBatch,
  storeMetricBatch,
} from './telemetry.ts';

let database: TestDatabase;
let db: Database;
let project: { projectId: string; datasetVersionId: string };
beforeAll(async () => {
  database = await (await startPostgres()).freshDatabase();
  db = openDatabase(database.url);
  project = await makeProject(db);
});
afterAll(async () => {
  await db.$disconnect();
  await database.drop();
});

it('registers version n+1 and deploys where the bounds are met, else says which was not', async () => {
  const deploy = { endpoint: 'species', minimum: { accuracy: 0.9 } };
  await submit(db, project, { deploy });
  const lease = await claimed(db);
  const first = await succeedAttempt(db, lease, trainedModel(0.97));
  expect(first).toMatchObject({
    version: 1,
    endpoint: 'species',
    deployNote: 'species@1 was deployed to "species".',
  });
  // The commit went through, the answer was lost: asking again changes nothing.
  expect(await succeedAttempt(db, lease, trainedModel(0.97))).toBeNull();
  await submit(db, project, { deploy });
  expect(await succeedAttempt(db, await claimed(db), trainedModel(0.5))).toMatchObject({
    version: 2,
    endpoint: null,
    deployNote:
      'species@2 was not deployed: accuracy on the test split is 0.5, below the minimum of 0.9.',
  });
  await submit(db, project, { deploy });
  expect(await succeedAttempt(db, await claimed(db), trainedModel(0.98))).toMatchObject({
    version: 3,
    endpoint: 'species',
  });
  const ledger = await db.ledgerEntry.findMany({ orderBy: { seq: 'asc' } });
  expect(ledger.map((row) => [row.seq, row.action])).toEqual([
    [1, 'create'],
    [2, 'deploy'],
  ]);
});

it('keeps a name to one task', async () => {
  await expect(submit(db, project, { task: 'tabular-regression' })).rejects.toMatchObject({
    code: 'name-taken',
  });
  await submit(db, project, { name: 'other', task: 'tabular-regression' });
  await expect(submit(db, project, { name: 'other' })).rejects.toMatchObject({
    code: 'name-taken',
    message:
      'The model "other" is for tabular-regression; choose another name for tabular-classification.',
  });
  const lease = await claimed(db);
  await succeedAttempt(db, lease, trainedModel());
});

it('stores batches once and shows for each step the newest attempt that has it', async () => {
  await submit(db, project, { name: 'curve' });
  const { jobId, attemptId } = await claimed(db);
  const batch = { jobId, attemptId, seq: 1 };
  const points = [
    [1, 1, 'train.loss', 2],
    [2, 1, 'train.loss', 1],
  ] as [number, number, string, number][];
  await storeMetricBatch(db, { ...batch, points });
  await storeMetricBatch(db, { ...batch, points });
  await storeLogBatch(db, {
    ...batch,
    lines: [
      { at: '2026-01-01T00:00:00Z', level: 'info', text: 'one' },
      { at: '2026-01-01T00:00:01Z', level: 'warn', text: 'two' },
    ],
  });
  await notePointsProduced(db, attemptId, 2);
  await db.attempt.create({
    data: {
      id: 'att_next',
      jobId,
      number: 2,
      state: 'lost',
      token: 2,
      workerId: 'w',
      leaseUntil: new Date(),
    },
  });
  await storeMetricBatch(db, {
    jobId,
    attemptId: 'att_next',
    seq: 1,
    points: [[2, 1, 'train.loss', 0.5]],
  });
  expect(await readSeries(db, jobId, 100)).toEqual({
    jobId,
    produced: 3,
    received: 3,
    series: { 'train.loss': { steps: [1, 2], epochs: [1, 1], values: [2, 0.5] } },
  });
  const lines = await readLogs(db, jobId, { limit: 1 });
  expect(lines).toMatchObject([{ id: '1.1.0', attempt: 1, seq: 1, text: 'one' }]);
  expect(await readLogs(db, jobId, { limit: 9, after: lines[0]?.id })).toMatchObject([
    { id: '1.1.1', level: 'warn', text: 'two' },
  ]);
});

it('sends each message of the outbox once, and rings again for what still waits', async () => {
  const rung: string[] = [];
  const ring = async (_queue: string, payload: object) => {
    rung.push((payload as { jobId: string }).jobId);
  };
  await deliverOutbox(db, ring);
  rung.length = 0;
  const job = await submit(db, project, { name: 'outbox' });
  const failing = await deliverOutbox(db, async () => {
    throw new Error('Redis is away');
  });
  expect(failing).toMatchObject({ sent: 0, error: { message: 'Redis is away' } });
  await Promise.all([deliverOutbox(db, ring), deliverOutbox(db, ring), deliverOutbox(db, ring)]);
  expect(rung).toEqual([job.id]);
  expect(await ringAgain(db, 60_000)).toBe(0);
  expect(await ringAgain(db, 0)).toBeGreaterThan(0);
  await deliverOutbox(db, ring, { subjectId: job.id });
  expect(rung).toEqual([job.id, job.id]);
});

it('deletes a finished job and frees what only it named', async () => {
  const row = await db.job.findFirstOrThrow({ where: { name: 'species', state: 'succeeded' } });
  const freed = await inTransaction(db, (tx) => deleteJob(tx, row));
  expect(freed.freedBytes).toBe(10);
  expect(freed.keys).toHaveLength(1);
  expect(await findJob(db, project.projectId, row.id)).toBeNull();
  expect(await db.modelVersion.count({ where: { jobId: row.id } })).toBe(1);
  const running = await db.job.findFirstOrThrow({ where: { name: 'curve' } });
  await expect(inTransaction(db, (tx) => deleteJob(tx, running))).rejects.toMatchObject({
    code: 'in-use',
  });
});
