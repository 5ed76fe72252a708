import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  startRig,
  trainingProcesses,
  type WorkerRig,
} from '../../apps/worker/src/training/worker-under-test.fixture.ts';
import type { SupervisedProcess } from '../../tools/services/supervised-process.ts';
import {
  expectNoOrphan,
  expectSoundAndDrained,
  type Outcome,
  outcomeOf,
  slowJob,
  untilUnderWay,
} from './run-with-fault.ts';

let rig: WorkerRig;
let worker: SupervisedProcess;
let undisturbed: Outcome;
let count = 0;

beforeAll(async () => {
  rig = await startRig({ ownPostgres: true });
  worker = await rig.startWorker();
  const job = await rig.submit({ ...slowJob, name: 'undisturbed' });
  undisturbed = await outcomeOf(rig, job.id);
}, 120_000);
afterAll(() => rig?.stop());
beforeEach(() => {
  count += 1;
});

/** Submits the job, lets `fault` happen in its middle, and compares what came out with the undisturbed run. */
async function survives(fault: (jobId: string) => Promise<void>): Promise<string> {
  const job = await rig.submit({ ...slowJob, name: `disturbed-${count}` });
  await untilUnderWay(rig, job.id);
  await fault(job.id);
  const outcome = await outcomeOf(rig, job.id);
  expect(outcome.weights).toBe(undisturbed.weights);
  expect(outcome.metrics).toEqual(undisturbed.metrics);
  expect(outcome.series).toEqual(undisturbed.series);
  await expectNoOrphan(rig);
  await expectSoundAndDrained(rig);
  return job.id;
}

const attemptStates = async (jobId: string) => {
  const attempts = await rig.db.attempt.findMany({ where: { jobId }, orderBy: { number: 'asc' } });
  expect(attempts.slice(1).every((attempt) => attempt.startStep > 0)).toBe(true);
  return attempts.map((attempt) => attempt.state);
};

it('the training process', async () => {
  const jobId = await survives(async () => {
    const [child] = trainingProcesses(rig.home);
    process.kill(child as number, 'SIGKILL');
  });
  expect(await attemptStates(jobId)).toEqual(['failed', 'succeeded']);
});

it('the training process, and its last checkpoint is damaged: the one before is as good', async () => {
  const jobId = await survives(async (id) => {
    const kept = () =>
      rig.db.checkpoint.findMany({ where: { jobId: id }, orderBy: { step: 'desc' } });
    await expect.poll(async () => (await kept()).length, { timeout: 20_000 }).toBe(2);
    const [child] = trainingProcesses(rig.home);
    process.kill(child as number, 'SIGSTOP');
    // What was on its way when it froze has arrived.
    await sleep(500);
    const [last, before] = await kept();
    await rig.objects.put(last?.objectKey ?? '', Buffer.from('damaged'));
    process.kill(child as number, 'SIGKILL');
    const next = () => rig.db.attempt.findFirst({ where: { jobId: id, number: 2 } });
    await expect
      .poll(async () => (await next())?.startStep, { timeout: 20_000 })
      .toBe(before?.step);
  });
  expect(await attemptStates(jobId)).toEqual(['failed', 'succeeded']);
});

it('the worker', async () => {
  const jobId = await survives(() => worker.killAndWait());
  expect(await attemptStates(jobId)).toEqual(['lost', 'succeeded']);
});

it('the worker, in order: it hands the job back at once', async () => {
  const jobId = await survives(async () => worker.signal('SIGTERM'));
  expect(await attemptStates(jobId)).toEqual(['preempted', 'succeeded']);
});

it('Redis', async () => {
  const jobId = await survives(() => rig.redis.process.killAndWait());
  expect(await attemptStates(jobId)).toEqual(['succeeded']);
});

it('Postgres', async () => {
  await survives(async () => rig.postgres?.process.killAndWait());
});

it('everything at once', async () => {
  await survives(async () => {
    // The worker may die a few times more before Postgres is back: nobody waits for it here.
    worker.signal('SIGKILL');
    await Promise.all([rig.redis.process.killAndWait(), rig.postgres?.process.killAndWait()]);
  });
});
