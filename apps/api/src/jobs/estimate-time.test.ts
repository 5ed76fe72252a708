import {
  type CompletedSpec,
  completeSpec,
  type ImagesProfile,
  type TrainingRate,
  type TrainSpecInput,
  trainSpec,
} from '@vanda/contracts';
import { type ComparableJob, noteRate } from '@vanda/records';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiUnderTest, startApi } from '../api-under-test.fixture.ts';
import {
  makeAttempt,
  makeDatasetVersion,
  makeModelVersion,
  makeWorker,
  tableSpec,
} from '../rows.fixture.ts';
import { estimateFrom } from './estimate-time.ts';

const rate: TrainingRate = {
  threads: 2,
  startSeconds: 0.5,
  stepSeconds: 1e-4,
  weightSeconds: 1e-9,
  operationsPerSecond: 5e10,
  pixelSeconds: 1e-8,
};

const stored = { key: '', sha256: '', bytes: 0, items: 0 };
const mnist: ImagesProfile = {
  kind: 'images',
  items: 70_000,
  splits: { train: 60_000, validation: 0, test: 10_000 },
  labels: Array.from({ length: 10 }, (_, label) => ({ label: String(label), count: 7000 })),
  sizes: [{ width: 28, height: 28, count: 70_000 }],
  channels: 1,
  files: [],
  preview: stored,
};

function digits(given: Partial<TrainSpecInput> = {}): CompletedSpec {
  const spec = { name: 'digits', task: 'image-classification', dataset: 'mnist', ...given };
  return completeSpec(trainSpec.parse(spec), 'mnist@1', mnist).spec;
}

function before(spec: CompletedSpec, seconds: number, epochsRun: number): ComparableJob {
  const job = { spec } as unknown as ComparableJob['job'];
  return { job, profile: mnist, seconds, epochsRun, workerId: 'wrk_1' };
}

const nothing = { profile: mnist, rates: [], before: null, rateThen: null };
const secondsOf = (known: Partial<Parameters<typeof estimateFrom>[0]>) =>
  estimateFrom({ ...nothing, spec: digits(), rates: [rate], ...known })?.seconds ?? Number.NaN;

describe('an estimate without a former job', () => {
  it('is what the network computes by how fast the machine does it', () => {
    // 8.46 million operations forward for each picture of the default network, three times that in training.
    const estimate = estimateFrom({ ...nothing, spec: digits(), rates: [rate] });
    const arithmetic = (54_000 * 3 * 3 * 8.46e6) / rate.operationsPerSecond;
    expect(estimate?.seconds).toBeGreaterThan(arithmetic);
    expect(estimate?.seconds).toBeLessThan(arithmetic * 1.4);
    expect(estimate?.basis).toBe('calculation');
    expect(estimate?.low).toBeLessThan(estimate?.seconds ?? 0);
    expect(estimate?.high).toBeGreaterThan(estimate?.seconds ?? 0);
    expect(estimate?.sentence).toMatch(
      /^About 90 s on this machine, between \d+ s and \d+ (s|min), from what the network/,
    );
  });

  it('grows with epochs, pictures and layers, and shrinks on a faster machine', () => {
    const once = secondsOf({});
    const longer = secondsOf({ spec: digits({ training: { epochs: 30 } }) });
    expect(longer / once).toBeGreaterThan(8);
    expect(longer / once).toBeLessThan(10);
    expect(secondsOf({ spec: digits({ model: { kind: 'linear' } }) })).toBeLessThan(once / 5);
    const fast = { ...rate, operationsPerSecond: 1e12, stepSeconds: 1e-5, weightSeconds: 1e-10 };
    expect(secondsOf({ rates: [fast] })).toBeLessThan(once / 3);
    // Whichever of two machines takes it, the range covers both.
    const both = estimateFrom({ ...nothing, spec: digits(), rates: [rate, fast] });
    expect(both?.seconds).toBeCloseTo(secondsOf({ rates: [fast] }));
    expect(both?.high).toBeGreaterThan(once);
  });

  it('says nothing where no machine is known, or the time is past all planning', () => {
    expect(estimateFrom({ ...nothing, spec: digits() })).toBeNull();
    const endless = digits({
      model: { kind: 'cnn', filters: [512, 512] },
      training: { epochs: 10_000 },
    });
    expect(estimateFrom({ ...nothing, spec: endless, rates: [rate] })).toBeNull();
  });
});

describe('an estimate from a former job', () => {
  const former = digits({ training: { epochs: 3, earlyStopping: null } });

  it('takes the time that the same job took, and scales it for another', () => {
    const known = { before: before(former, 80, 3), rateThen: rate };
    const same = estimateFrom({ ...nothing, ...known, spec: former, rates: [rate] });
    expect(same?.seconds).toBeCloseTo(80);
    expect(same?.basis).toBe('earlier-job');
    expect(same?.sentence).toBe('About 80 s: the last such job took 80 s for 3 epochs.');
    const twice = secondsOf({
      ...known,
      spec: digits({ training: { epochs: 6, earlyStopping: null } }),
    });
    expect(twice).toBeGreaterThan(150);
    expect(twice).toBeLessThan(160);
    const small = { kind: 'cnn' as const, filters: [4, 8] };
    const quick = estimateFrom({
      ...nothing,
      ...known,
      spec: digits({ model: small }),
      rates: [rate],
    });
    expect(quick?.seconds).toBeLessThan(40);
    expect(quick?.sentence).toMatch(/took 80 s for 3 epochs with more to compute in each\.$/);
  });

  it('needs no measured machine', () => {
    const known = { before: before(former, 80, 3), rates: [] };
    expect(secondsOf({ ...known, spec: former })).toBeCloseTo(80);
  });

  it('goes by the machine that will take it where that is another one', () => {
    const known = { before: before(former, 80, 3), rateThen: rate, spec: former };
    const twiceAsFast = {
      ...rate,
      operationsPerSecond: rate.operationsPerSecond * 2,
      stepSeconds: rate.stepSeconds / 2,
      weightSeconds: rate.weightSeconds / 2,
    };
    const seconds = secondsOf({ ...known, rates: [twiceAsFast] });
    expect(seconds).toBeGreaterThan(38);
    expect(seconds).toBeLessThan(48);
  });

  it('expects one that stopped early to do so again, and covers that it does not', () => {
    const stopping = digits({ training: { epochs: 100 } });
    const known = { before: before(stopping, 300, 12), rateThen: rate };
    const estimate = estimateFrom({ ...nothing, ...known, spec: stopping, rates: [rate] });
    expect(estimate?.seconds).toBeCloseTo(300);
    expect(estimate?.high).toBeGreaterThan(300 * 7);
  });
});

describe('jobs.plan', () => {
  let api: ApiUnderTest;
  beforeAll(async () => {
    api = await startApi();
    await makeDatasetVersion(api, 'flowers');
  });
  afterAll(() => api.close());

  const plan = async () => {
    const answer = await api.call<{ estimate: { basis: string; seconds: number } | null }>(
      'POST',
      '/jobs/plan',
      { spec: tableSpec('flowers') },
    );
    expect(answer.status).toBe(200);
    return answer.body.estimate;
  };

  it('tells the time as soon as a worker has measured, and better after a job', async () => {
    expect(await plan()).toBeNull();
    const worker = await makeWorker(api.deps.db, ['train']);
    expect(await plan()).toBeNull();
    await noteRate(api.deps.db, worker, rate);
    expect(await plan()).toMatchObject({ basis: 'calculation' });
    const workers = await api.call<{ data: object[] }>('GET', '/workers');
    expect(workers.body.data).toMatchObject([{ rate }]);

    const { jobId } = await makeModelVersion(api, 'flowers');
    // A job without an attempt took no time that one could go by.
    expect(await plan()).toMatchObject({ basis: 'calculation' });
    const attempt = await makeAttempt(api.deps.db, jobId, 1);
    const startedAt = new Date('2030-01-01T00:00:00Z');
    const finishedAt = new Date('2030-01-01T00:00:42Z');
    const points = [[450, 150, 'validation.loss', 0.1]];
    await api.deps.db.metricBatch.create({
      data: { attemptId: attempt, seq: 0, points, count: 1 },
    });
    const state = 'succeeded';
    await api.deps.db.attempt.update({
      where: { id: attempt },
      data: { state, startedAt, finishedAt },
    });
    await api.deps.db.job.update({ where: { id: jobId }, data: { state, finishedAt } });
    const estimate = await plan();
    expect(estimate?.basis).toBe('earlier-job');
    expect(estimate?.seconds).toBeCloseTo(42);
  });
});
