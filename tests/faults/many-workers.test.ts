import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  startRig,
  type WorkerRig,
} from '../../apps/worker/src/training/worker-under-test.fixture.ts';
import {
  expectNoOrphan,
  expectSoundAndDrained,
  outcomeOf,
  slowJob,
  untilUnderWay,
} from './run-with-fault.ts';

let rig: WorkerRig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig?.stop());

it('finishes 20 queued and 2 running jobs after Redis has lost everything', async () => {
  const worker = await rig.startWorker({ slots: 2 });
  const running = [
    await rig.submit({ ...slowJob, name: 'running-1' }),
    await rig.submit({ ...slowJob, name: 'running-2' }),
  ];
  for (const job of running) await untilUnderWay(rig, job.id);
  const quick = { training: { epochs: 2 } };
  const queued = [];
  for (let index = 1; index <= 20; index++) {
    queued.push(await rig.submit({ ...quick, name: `queued-${index}` }));
  }
  const redis = new Redis(rig.redis.url);
  await redis.flushall();
  redis.disconnect();
  for (const job of [...running, ...queued]) await outcomeOf(rig, job.id);
  await expectSoundAndDrained(rig);
  await worker.stop();
}, 180_000);

it('runs a job once that eight workers are handed, and a frozen worker that wakes changes nothing', async () => {
  const workers = await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      rig.startWorker({ home: `${rig.home}/machine-${index}` }),
    ),
  );
  const job = await rig.submit({ ...slowJob, name: 'wanted', silent: true });
  // One doorbell for each: the entry is gone before the next one comes.
  await Promise.all(workers.map(() => rig.sender.enqueue('training', { jobId: job.id })));
  await untilUnderWay(rig, job.id);
  expect(await rig.db.attempt.count({ where: { jobId: job.id } })).toBe(1);
  const attempt = await rig.db.attempt.findFirstOrThrow({ where: { jobId: job.id } });
  const { pid } = await rig.db.worker.findUniqueOrThrow({ where: { id: attempt.workerId } });
  const frozen = workers.find((worker) => worker.pid === pid);
  frozen?.signal('SIGSTOP');
  const states = async () => {
    const attempts = await rig.db.attempt.findMany({
      where: { jobId: job.id },
      orderBy: { number: 'asc' },
    });
    return attempts.map(({ state }) => state);
  };
  await expect.poll(states, { timeout: 20_000 }).toEqual(['lost', 'running']);
  const before = await rig.db.history.count({ where: { noun: 'job', subjectId: job.id } });
  frozen?.signal('SIGCONT');
  await sleep(2000);
  expect(await states()).not.toContain('failed');
  const after = await rig.db.history.findMany({ where: { noun: 'job', subjectId: job.id } });
  expect(after.length - before).toBeLessThanOrEqual(1);
  await outcomeOf(rig, job.id);
  expect(await states()).toEqual(['lost', 'succeeded']);
  await expectNoOrphan(rig);
  await expectSoundAndDrained(rig);
}, 180_000);
