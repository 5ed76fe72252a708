import { setTimeout as sleep } from 'node:timers/promises';
import { type JobRow, readSeries } from '@vanda/records';
import { expect } from 'vitest';
import {
  type JobChoice,
  trainingProcesses,
  type WorkerRig,
} from '../../apps/worker/src/training/worker-under-test.fixture.ts';
import { audit } from '../../tools/audit/audit.ts';

/** Long enough to be hit in the middle, short enough to run a dozen times. */
export const slowJob: JobChoice = {
  hidden: [256, 128],
  training: { epochs: 200, batchSize: 16, earlyStopping: null },
};

/** What must come out the same, whatever happened on the way. */
export interface Outcome {
  weights: string;
  series: Record<string, { steps: number[]; values: (number | null)[] }>;
  metrics: unknown;
}

export async function untilEnded(rig: WorkerRig, id: string, timeoutMs = 90_000): Promise<JobRow> {
  const final = ['succeeded', 'failed', 'cancelled'];
  const deadline = Date.now() + timeoutMs;
  let state = '';
  while (!final.includes(state)) {
    if (Date.now() > deadline) throw new Error(`The job ${id} is still ${state}.`);
    await sleep(100);
    state = await stateOf(rig, id);
  }
  return rig.job(id);
}

/** Postgres itself may be what is away. */
async function stateOf(rig: WorkerRig, id: string): Promise<string> {
  return rig.job(id).then(
    (job) => job.state,
    () => 'unknown',
  );
}

/** Resolves in the middle of the training: some checkpoint is kept and steps follow it. */
export async function untilUnderWay(rig: WorkerRig, id: string): Promise<void> {
  const checkpoints = () => rig.db.checkpoint.count({ where: { jobId: id } });
  await expect.poll(checkpoints, { timeout: 30_000, interval: 20 }).toBeGreaterThan(0);
  await sleep(200);
  expect((await rig.job(id)).state).toBe('running');
}

/** Checks that the job succeeded with one version and answers what it came to. */
export async function outcomeOf(rig: WorkerRig, id: string): Promise<Outcome> {
  const job = await untilEnded(rig, id);
  expect(job, job.failureMessage ?? '').toMatchObject({ state: 'succeeded' });
  const versions = await rig.db.modelVersion.findMany({ where: { jobId: id } });
  expect(versions).toHaveLength(1);
  const weights = await rig.db.objectRef.findFirstOrThrow({
    where: { ownerKind: 'model-version', ownerId: versions[0]?.id ?? '', role: 'weights' },
    include: { object: true },
  });
  // What a dead attempt left is sent by whoever finds it, a few seconds later.
  const { series } = await readSeries(rig.db, id, 1_000_000);
  const curves = Object.entries(series).map(([name, { steps, values }]) => [
    name,
    { steps, values },
  ]);
  return {
    weights: weights.object.sha256,
    series: Object.fromEntries(curves),
    metrics: job.metrics,
  };
}

/** Every rule of the audit holds, and nothing waits any more. */
export async function expectSoundAndDrained(rig: WorkerRig): Promise<void> {
  const options = { databaseUrl: rig.databaseUrl, store: rig.objects, drained: true };
  await expect
    .poll(async () => (await audit(options)).findings, { timeout: 20_000, interval: 500 })
    .toEqual([]);
}

export async function expectNoOrphan(rig: WorkerRig): Promise<void> {
  await expect.poll(() => trainingProcesses(rig.home), { timeout: 10_000 }).toEqual([]);
}
