import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom, testSeed } from '@vanda/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  startRig,
  trainingProcesses,
  type WorkerRig,
} from '../../apps/worker/src/training/worker-under-test.fixture.ts';
import type { SupervisedProcess } from '../../tools/services/supervised-process.ts';
import {
  expectNoOrphan,
  expectSoundAndDrained,
  outcomeOf,
  slowJob,
  untilEnded,
} from './run-with-fault.ts';

let rig: WorkerRig;
let workers: SupervisedProcess[];
beforeAll(async () => {
  rig = await startRig();
  workers = [await rig.startWorker(), await rig.startWorker({ home: `${rig.home}/second` })];
});
afterAll(() => rig?.stop());

const jobs = 3;

it('ends alike whatever is killed at whatever moment: claiming, loading, training, publishing', async () => {
  const random = seededRandom(testSeed());
  const choice = { ...slowJob, training: { ...slowJob.training, epochs: 60 } };
  const first = await rig.submit({ ...choice, name: 'undisturbed' });
  const undisturbed = await outcomeOf(rig, first.id);
  const { startedAt, finishedAt } = await rig.job(first.id);
  const wholeMs = (finishedAt?.getTime() ?? 0) - (startedAt?.getTime() ?? 0);
  for (let index = 1; index <= jobs; index++) {
    const { id } = await rig.submit({ ...choice, name: `disturbed-${index}` });
    for (let kill = 0; kill < 2; kill++) {
      await sleep(random() * wholeMs);
      const worker = workers[Math.floor(random() * 2)];
      const [child] = trainingProcesses(rig.home);
      if (random() < 0.4 && child !== undefined) killIfThere(child);
      else worker?.signal('SIGKILL');
    }
    await untilEnded(rig, id);
    const outcome = await outcomeOf(rig, id);
    expect(outcome.weights).toBe(undisturbed.weights);
    expect(outcome.metrics).toEqual(undisturbed.metrics);
    expect(outcome.series).toEqual(undisturbed.series);
  }
  await expectNoOrphan(rig);
  await expectSoundAndDrained(rig);
});

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself in the meantime.
  }
}
