import { setTimeout as sleep } from 'node:timers/promises';
import { cancelJob } from '@vanda/records';
import { startRig } from '../../apps/worker/src/training/worker-under-test.fixture.ts';
import type { Measurement } from '../result.ts';
import { secondStart } from './second-start.ts';

const tries = 25;

export async function* cases(): AsyncGenerator<Measurement> {
  yield await secondStart();
  yield await jobStart();
}

/** How long a submitted job waits for an idle worker: from its row to its running attempt, by Postgres' clock. */
async function jobStart(): Promise<Measurement> {
  const rig = await startRig();
  try {
    await rig.startWorker();
    const waitedMs: number[] = [];
    for (let index = 0; index < tries; index++) {
      const { id } = await rig.submit({ name: `start-${index}`, training: { epochs: 10_000 } });
      let job = await rig.job(id);
      while (job.startedAt === null) {
        await sleep(2);
        job = await rig.job(id);
      }
      waitedMs.push(job.startedAt.getTime() - job.createdAt.getTime());
      await rig.db.$transaction((tx) => cancelJob(tx, job));
      while ((await rig.job(id)).state !== 'cancelled') await sleep(20);
    }
    const median = waitedMs.sort((a, b) => a - b)[Math.floor(tries / 2)] ?? Number.NaN;
    const value = median * 1000;
    return { case: 'job-start', system: 'vanda', value, unit: 'us', better: 'lower' };
  } finally {
    await rig.stop();
  }
}
