import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cancelJob, type JobRow, readLogs, readSeries } from '@vanda/records';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type JobChoice,
  startRig,
  trainingProcesses,
  type WorkerRig,
} from './worker-under-test.fixture.ts';

let rig: WorkerRig;
beforeAll(async () => {
  rig = await startRig();
  await rig.startWorker();
});
afterAll(() => rig.stop());

const quick: JobChoice = { training: { epochs: 3 } };
const endless: JobChoice = { training: { epochs: 10_000, earlyStopping: null } };

async function until(id: string, states: string[]): Promise<JobRow> {
  await expect
    .poll(async () => states.includes((await rig.job(id)).state), { timeout: 30_000, interval: 20 })
    .toBe(true);
  return rig.job(id);
}
const ended = (id: string) => until(id, ['succeeded', 'failed', 'cancelled']);

/** Until its present attempt really trains: a checkpoint of it is kept. */
async function underWay(id: string): Promise<void> {
  const attempt = { jobId: id, state: 'running' };
  const kept = () => rig.db.checkpoint.count({ where: { attempt } });
  await expect.poll(kept, { timeout: 30_000, interval: 20 }).toBeGreaterThan(0);
}

it('trains a submitted job in a process of its own and registers version 1', async () => {
  const { id } = await rig.submit({ ...quick, deploy: { endpoint: 'species' } });
  const job = await ended(id);
  expect(job, job.failureMessage ?? '').toMatchObject({ state: 'succeeded' });
  expect(job.progress).toMatchObject({ percent: 100 });
  expect(job.deployNote).toBe('species@1 was deployed to "species".');
  const { series, produced, received } = await readSeries(rig.db, id, 10_000);
  expect(received).toBe(produced);
  const steps = series['train.loss']?.steps ?? [];
  expect(steps).toEqual(steps.map((_, index) => index + 1));
  expect(await readLogs(rig.db, id, { limit: 10 })).not.toHaveLength(0);
  const refs = await rig.db.objectRef.findMany({ where: { ownerId: { in: [id] } } });
  expect(refs.map((ref) => ref.role)).toEqual(['splits']);
  const version = await rig.db.modelVersion.findUniqueOrThrow({ where: { jobId: id } });
  const named = await rig.db.objectRef.findMany({ where: { ownerId: version.id } });
  const roles = ['archive', 'graph', 'predictions', 'test-items', 'weights'];
  expect(named.map((ref) => ref.role).sort()).toEqual(roles);
  expect(version.testItems).toBe(34);
  const { metrics } = version as unknown as { metrics: { test: { count: number } } };
  expect(metrics.test.count).toBe(34);
  await expect.poll(() => rig.db.checkpoint.count({ where: { jobId: id } })).toBe(0);
  await expect.poll(() => readdir(join(rig.home, 'attempts'))).toEqual([]);
});

it('announces how fast it trains once it has measured that', async () => {
  const rated = () => rig.db.worker.count({ where: { rate: { path: ['threads'], equals: 1 } } });
  await expect.poll(rated, { timeout: 30_000 }).toBe(1);
});

it('finds a job whose doorbell was never rung', async () => {
  const { id } = await rig.submit({ ...quick, name: 'silent', silent: true });
  expect((await ended(id)).state).toBe('succeeded');
});

it('cancels a running job from any process, and lets nothing of it be registered', async () => {
  const { id } = await rig.submit({ ...endless, name: 'unwanted' });
  await underWay(id);
  await rig.db.$transaction(async (tx) => cancelJob(tx, await rig.job(id)));
  expect((await ended(id)).state).toBe('cancelled');
  expect(await rig.db.modelVersion.count({ where: { jobId: id } })).toBe(0);
  expect(await rig.db.attempt.findFirst({ where: { jobId: id } })).toMatchObject({
    state: 'cancelled',
    failureKind: null,
  });
});

it('shows the best epoch so far while it trains, in the place of the one before, and frees it at the end', async () => {
  const { id } = await rig.submit({ ...endless, name: 'watched' });
  const shown = () => rig.db.preview.findUnique({ where: { jobId: id } });
  await expect.poll(shown, { timeout: 30_000, interval: 50 }).not.toBeNull();
  const first = await shown();
  expect(first).toMatchObject({
    validation: { accuracy: expect.any(Number) },
    signature: { output: { labels: ['Adelie', 'Chinstrap', 'Gentoo'] } },
  });
  const objectsOf = (ownerId: string) =>
    rig.db.objectRef.findMany({ where: { ownerKind: 'preview', ownerId } });
  const files = (await objectsOf(first?.id ?? '')).map((ref) => ref.objectKey);
  expect(files).toHaveLength(2);
  for (const key of files) expect(await rig.objects.head(key)).toBeDefined();
  await expect.poll(async () => (await shown())?.id, { timeout: 30_000 }).not.toBe(first?.id);
  const second = await shown();
  expect(second?.epoch).toBeGreaterThan(first?.epoch ?? 0);
  const keys = () => rig.db.storedObject.count({ where: { key: { startsWith: 'previews/' } } });
  expect(await keys()).toBe(2);
  for (const key of files) {
    await expect.poll(() => rig.objects.head(key)).toBeUndefined();
  }
  await rig.db.$transaction(async (tx) => cancelJob(tx, await rig.job(id)));
  await ended(id);
  await expect.poll(shown).toBeNull();
  expect(await keys()).toBe(0);
});

it('fails a retraining whose base was deleted, and says so', async () => {
  const model: JobChoice['model'] = {
    kind: 'retrain',
    base: 'gone@3',
    layer: 'dense_1',
    unfreeze: 'none',
    hidden: [],
    activation: 'relu',
    dropout: 0,
    input: { size: 8, channels: 1 },
  };
  const { id } = await rig.submit({ ...quick, name: 'orphan', model });
  expect(await ended(id)).toMatchObject({
    state: 'failed',
    failureKind: 'user',
    failureCode: 'not-found',
    failureMessage: expect.stringContaining(
      'The model gone@3, which this job builds on, was deleted',
    ),
  });
});

it('ends a job at its time limit', async () => {
  const { id } = await rig.submit({
    ...endless,
    name: 'slow',
    resources: { timeoutMinutes: 0.03 },
  });
  expect(await ended(id)).toMatchObject({
    state: 'failed',
    failureKind: 'timeout',
    failureCode: 'timed-out',
    failureMessage: 'The job ran for 0.03 minutes, its time limit (resources.timeoutMinutes).',
  });
});

it('fails with a sentence where the data cannot be used, and tries it as often as was asked', async () => {
  const spec = { target: 'No such column', resources: { retries: 1 } };
  const { id } = await rig.submit({ ...quick, ...spec, name: 'wrong' });
  const job = await ended(id);
  expect(job).toMatchObject({ state: 'failed', failureKind: 'user', userFailures: 2 });
  expect(job.failureMessage).toContain('No such column');
});

it('gives a job up that ends its process three times', async () => {
  const { id } = await rig.submit({ ...endless, name: 'poisoned' });
  for (let crash = 1; crash <= 3; crash++) {
    await underWay(id);
    process.kill(await childOf(id), 'SIGKILL');
    await expect.poll(async () => (await rig.job(id)).crashes).toBe(crash);
  }
  expect(await ended(id)).toMatchObject({
    state: 'failed',
    failureCode: 'poisoned',
    failureMessage:
      'The job ended its process 3 times and is not tried again. The last time: The training process was ended by SIGKILL.',
  });
});

/** The process that works in the folder of the job's running attempt; 0 while there is none. */
async function childOf(jobId: string): Promise<number> {
  const attempt = await rig.db.attempt.findFirst({ where: { jobId, state: 'running' } });
  if (attempt === null) return 0;
  return trainingProcesses(join(rig.home, 'attempts', attempt.id))[0] ?? 0;
}
