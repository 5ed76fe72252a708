import { setTimeout as sleep } from 'node:timers/promises';
import { startPostgres, type TestDatabase } from '@vanda/testing';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { endAttempt, expireLeases } from './attempts.ts';
import { type Database, openDatabase } from './database.ts';
import { addWorker, claim, claimed, makeProject, submit, trainedModel } from './jobs.fixture.ts';
import { cancelJob } from './jobs.ts';
import { noteProgress, renewLeases } from './leases.ts';
import { succeedAttempt } from './model-registration.ts';
import { explainWaiting } from './waiting.ts';

let database: TestDatabase;
let db: Database;
let project: { projectId: string; datasetVersionId: string };
beforeAll(async () => {
  database = await (await startPostgres()).freshDatabase();
  db = openDatabase(database.url);
});
beforeEach(async () => {
  await db.$executeRaw`TRUNCATE projects CASCADE`;
  await db.$executeRaw`TRUNCATE workers CASCADE`;
  project = await makeProject(db);
});
afterAll(async () => {
  await db.$disconnect();
  await database.drop();
});

const stateOf = async (id: string) => (await db.job.findUniqueOrThrow({ where: { id } })).state;

it('gives a job to one of eight workers that ask at once', async () => {
  const job = await submit(db, project);
  const answers = await Promise.all(Array.from({ length: 8 }, () => claim(db)));
  expect(answers.filter((answer) => answer !== null)).toMatchObject([
    { jobId: job.id, number: 1, token: 1 },
  ]);
  expect(await db.attempt.count({ where: { jobId: job.id } })).toBe(1);
});

it('takes the higher priority first, then the older', async () => {
  const first = await submit(db, project);
  const second = await submit(db, project);
  const urgent = await submit(db, project, { priority: 10 });
  const gpu = await submit(db, project, { priority: 90, device: 'gpu' });
  const order = [await claim(db), await claim(db), await claim(db), await claim(db)];
  expect(order.map((one) => one?.jobId)).toEqual([urgent.id, first.id, second.id, undefined]);
  expect(await stateOf(gpu.id)).toBe('queued');
});

it('lets nothing be written once the lease has run out or moved on', async () => {
  const job = await submit(db, project);
  const old = await claimed(db, 50);
  await sleep(80);
  expect(await renewLeases(db, [old], 15_000)).toEqual(new Map());
  expect(await endAttempt(db, old, { kind: 'cancelled' })).toBeNull();
  expect(await expireLeases(db)).toEqual([job.id]);
  const next = await claimed(db);
  expect(next).toMatchObject({ jobId: job.id, number: 2, token: 2 });
  expect(await succeedAttempt(db, old, trainedModel())).toBeNull();
  await noteProgress(db, old, { percent: 99, phase: 'training' });
  expect((await db.job.findUniqueOrThrow({ where: { id: job.id } })).progress).toBeNull();
  expect(await db.modelVersion.count()).toBe(0);
  expect(await succeedAttempt(db, next, trainedModel())).toMatchObject({ version: 1 });
  expect(await stateOf(job.id)).toBe('succeeded');
});

it('takes lost jobs back once, however many reconcilers look, and uses up no retry', async () => {
  const job = await submit(db, project);
  await claimed(db, 20);
  await sleep(50);
  const moved = await Promise.all(Array.from({ length: 4 }, () => expireLeases(db)));
  expect(moved.flat()).toEqual([job.id]);
  expect(await db.job.findUniqueOrThrow({ where: { id: job.id } })).toMatchObject({
    state: 'queued',
    userFailures: 0,
    crashes: 0,
  });
  const history = await db.history.findMany({
    where: { subjectId: job.id },
    orderBy: { id: 'asc' },
  });
  expect(history.map((row) => row.toState)).toEqual(['queued', 'running', 'queued']);
  expect(await db.attempt.findFirstOrThrow()).toMatchObject({
    state: 'lost',
    failureCode: 'worker-lost',
  });
});

it('cancels what waits at once, what runs after its attempt, what was lost without a worker', async () => {
  const waiting = await submit(db, project);
  await cancelJob(db, waiting);
  expect(await stateOf(waiting.id)).toBe('cancelled');
  const running = await submit(db, project);
  const held = await claimed(db);
  await cancelJob(db, running);
  await cancelJob(db, running);
  expect(await stateOf(running.id)).toBe('cancelling');
  expect((await renewLeases(db, [held], 15_000)).get(held.attemptId)).toBe('cancelling');
  expect(await succeedAttempt(db, held, trainedModel())).toBeNull();
  expect(await endAttempt(db, held, { kind: 'cancelled' })).toEqual({ jobState: 'cancelled' });
  const lost = await submit(db, project);
  await claimed(db, 20);
  await cancelJob(db, lost);
  await sleep(50);
  await expireLeases(db);
  expect(await stateOf(lost.id)).toBe('cancelled');
});

it('ends a job after its retries, after three crashes, at its time limit, never for the surroundings', async () => {
  const bad = { kind: 'user', code: 'bad-data', message: 'The target is constant.' } as const;
  const user = await submit(db, project, { retries: 1 });
  expect(await endAttempt(db, await claimed(db), bad)).toEqual({ jobState: 'queued' });
  expect(await endAttempt(db, await claimed(db), bad)).toEqual({ jobState: 'failed' });
  expect(await db.job.findUniqueOrThrow({ where: { id: user.id } })).toMatchObject({
    failureKind: 'user',
    failureCode: 'bad-data',
    failureMessage: bad.message,
  });
  const crash = { kind: 'crash', code: 'internal', message: 'Ended by SIGSEGV.' } as const;
  const crashing = await submit(db, project);
  for (const state of ['queued', 'queued', 'failed']) {
    expect(await endAttempt(db, await claimed(db), crash)).toEqual({ jobState: state });
  }
  expect(await db.job.findUniqueOrThrow({ where: { id: crashing.id } })).toMatchObject({
    failureCode: 'poisoned',
    crashes: 3,
  });
  const slow = await submit(db, project, { timeoutMinutes: 1 });
  const timeout = { kind: 'timeout', message: 'Too long.' } as const;
  expect(await endAttempt(db, await claimed(db), timeout)).toEqual({ jobState: 'failed' });
  expect(await db.attempt.findFirstOrThrow({ where: { jobId: slow.id } })).toMatchObject({
    state: 'timed_out',
    failureKind: 'timeout',
  });
  const infra = { kind: 'infra', code: 'unavailable', message: 'The store is away.' } as const;
  const unlucky = await submit(db, project);
  expect(await endAttempt(db, await claimed(db), infra)).toEqual({ jobState: 'queued' });
  expect(await claim(db)).toBeNull();
  const [because] = (
    await explainWaiting(db, [await db.job.findUniqueOrThrow({ where: { id: unlucky.id } })])
  ).values();
  expect(because).toBe('no live worker trains jobs');
});

it('says why a job waits', async () => {
  const jobs = [await submit(db, project), await submit(db, project), await submit(db, project)];
  jobs.push(await submit(db, project, { device: 'gpu' }));
  const reasons = async () => [...(await explainWaiting(db, jobs)).values()];
  expect(await reasons()).toEqual(Array.from({ length: 4 }, () => 'no live worker trains jobs'));
  const worker = await addWorker(db, { slots: 1 });
  expect(await reasons()).toEqual([
    'about to start',
    'second in the queue',
    'third in the queue',
    'no live worker offers a gpu',
  ]);
  await db.worker.update({ where: { id: worker }, data: { busy: 1 } });
  expect((await reasons())[0]).toBe('first in the queue, waiting for a free slot on 1 worker');
  await claimed(db);
  const running = await db.job.findUniqueOrThrow({ where: { id: jobs[0]?.id ?? '' } });
  expect([...(await explainWaiting(db, [running])).values()]).toEqual([null]);
});
