import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CompletedSpec,
  completeSpec,
  type LogLine,
  type MetricPoint,
  parseOrThrow,
  trainSpec,
} from '@vanda/contracts';
import { afterAll, describe, expect, it } from 'vitest';
import { loadPredictor } from './load-predictor.ts';
import type { ClassPrediction } from './prediction.ts';
import { openTable, type TableSource } from './standalone/open-table.ts';
import { openDuckDb, quoteText } from './table/duckdb.ts';
import { train } from './train.ts';
import type { TrainingResult } from './training.ts';

const folders: string[] = [];
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'train-'));
  folders.push(folder);
  return folder;
}
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const penguins = join(
  import.meta.dirname,
  '../../../node_modules/vega-datasets/data/penguins.json',
);
const cars = join(import.meta.dirname, '../../../node_modules/vega-datasets/data/cars.json');
const species = { task: 'tabular-classification', target: 'Species' };
const mileage = { task: 'tabular-regression', target: 'Miles_per_Gallon' };

interface Trained {
  result: TrainingResult;
  spec: CompletedSpec;
  points: MetricPoint[];
  log: LogLine[];
}
interface Hooks {
  resumeFrom?: string;
  signal?: AbortSignal;
  checkpointEveryMs?: number;
  onPoints?: (points: MetricPoint[]) => void;
  onCheckpoint?: (checkpoint: { path: string; step: number; epoch: number }) => void;
}

async function trainOn(source: TableSource, given: object, hooks: Hooks = {}): Promise<Trained> {
  const workDir = newFolder();
  const data = await openTable(source, workDir, 1);
  const parsed = parseOrThrow(trainSpec, { name: 'm', dataset: 'd', ...given }, 'invalid-spec');
  const { spec } = completeSpec(parsed, 'd@1', data.profile);
  const points: MetricPoint[] = [];
  const log: LogLine[] = [];
  const result = await train(
    spec,
    data,
    {
      workDir,
      threads: 1,
      signal: hooks.signal ?? new AbortController().signal,
      resumeFrom: hooks.resumeFrom,
      checkpointEveryMs: hooks.checkpointEveryMs,
    },
    {
      progress: () => {},
      metrics: (batch) => {
        points.push(...batch);
        hooks.onPoints?.(batch);
      },
      log: (line) => log.push(line),
      checkpoint: (checkpoint) => hooks.onCheckpoint?.(checkpoint),
    },
  );
  return { result, spec, points, log };
}

const sentence = (promise: Promise<unknown>) =>
  promise.then(
    () => 'accepted',
    (error: Error & { code?: string }) => `${error.code}: ${error.message}`,
  );

describe('training', () => {
  it('classifies, keeps the best epoch and tells of every step and epoch', async () => {
    const { result, spec, points } = await trainOn(penguins, species);
    expect(result.metrics.test?.accuracy).toBeGreaterThan(0.9);
    expect(result.metrics.validation?.loss).toBeLessThan(0.3);
    const losses = points.filter(([, , series]) => series === 'validation.loss');
    const best = Math.min(...losses.map(([, , , value]) => value ?? Number.NaN));
    expect(losses[result.bestEpoch - 1]?.[3]).toBe(best);
    expect(result.metrics.validation?.loss).toBe(best);
    const steps = points.filter(([, , series]) => series === 'train.loss').map(([step]) => step);
    expect(steps).toEqual(Array.from({ length: result.steps }, (_, index) => index + 1));
    const epochs = points.filter(([, , series]) => series === 'validation.accuracy');
    expect(epochs.map(([, epoch]) => epoch)).toEqual(losses.map((_, index) => index + 1));
    expect(epochs.length).toBeLessThanOrEqual(spec.training.epochs);
    expect(result.signature.output).toEqual({
      kind: 'classes',
      labels: ['Adelie', 'Chinstrap', 'Gentoo'],
    });
  });

  it('scores the test rows through the predictor as at the end of training', async () => {
    for (const [file, given] of [
      [penguins, species],
      [cars, mileage],
    ] as const) {
      const { result } = await trainOn(file, { ...given, training: { epochs: 30 } });
      const predictor = await loadPredictor(result.artifact, { threads: 1 });
      await predictor.warm();
      const database = await openDuckDb({ threads: 1 });
      const test = await database.rows(
        `SELECT t.* FROM (SELECT *, row_number() OVER () - 1 AS r FROM read_json(${quoteText(file)})) t
         JOIN read_parquet(${quoteText(result.splits)}) s ON s."row" = t.r AND s.split = 'test'`,
      );
      database.close();
      const rows = test.map((row) =>
        Object.fromEntries(
          Object.entries(row).map(([name, value]) => [
            name,
            typeof value === 'bigint'
              ? Number(value)
              : value instanceof Date
                ? value.toISOString()
                : value,
          ]),
        ),
      );
      const predictions = await predictor.predict(rows);
      predictor.close();
      const metrics = result.metrics.test;
      expect(rows).toHaveLength(metrics?.count ?? -1);
      if (given === species) {
        const right = predictions.filter(
          (one, index) => (one as ClassPrediction).label === rows[index]?.Species,
        );
        expect(right.length / rows.length).toBe(metrics?.accuracy);
        const logLoss = predictions.reduce<number>((sum, one, index) => {
          const score = (one as ClassPrediction).scores[String(rows[index]?.Species)];
          return sum - Math.log(score ?? 0) / rows.length;
        }, 0);
        expect(logLoss).toBeCloseTo(metrics?.logLoss ?? 0, 5);
      } else {
        const error = predictions.reduce<number>(
          (sum, one, index) =>
            sum + Math.abs(Number(one) - Number(rows[index]?.Miles_per_Gallon)) / rows.length,
          0,
        );
        expect(error).toBeCloseTo(metrics?.mae ?? 0, 4);
      }
    }
  });

  it('goes on from any checkpoint as if it had never stopped, bit for bit', async () => {
    const given = {
      ...species,
      model: { kind: 'mlp', hidden: [16], dropout: 0.2 },
      training: { epochs: 8, batchSize: 16 },
    };
    const whole = await trainOn(penguins, given);
    const stopAfter = 40;
    let latest = { path: '', step: 0, epoch: 0 };
    const controller = new AbortController();
    const seen: MetricPoint[] = [];
    const stopped = trainOn(penguins, given, {
      signal: controller.signal,
      onCheckpoint: (checkpoint) => {
        latest = checkpoint;
      },
      onPoints: (points) => {
        seen.push(...points);
        if (points.some(([step]) => step >= stopAfter)) controller.abort(new Error('stop here'));
      },
    });
    await expect(stopped).rejects.toThrow('stop here');
    expect(latest.step).toBeGreaterThan(0);
    const resumed = await trainOn(penguins, given, { resumeFrom: latest.path });
    const before = seen.filter(([step]) => step <= latest.step);
    expect([...before, ...resumed.points]).toEqual(whole.points);
    expect(resumed.result.metrics).toEqual(whole.result.metrics);
    expect(resumed.result.bestEpoch).toBe(whole.result.bestEpoch);
    const weights = (result: TrainingResult) =>
      readFileSync(join(result.artifact, 'weights.safetensors'));
    expect(weights(resumed.result).equals(weights(whole.result))).toBe(true);
  });

  it('learns from a column of many values, embedded or one-hot', async () => {
    const rows = Array.from({ length: 1200 }, (_, row) => {
      const place = (row * 37) % 100;
      return { place: `place ${place}`, size: row % 7, price: Math.sin(place) * 10 + (row % 7) };
    });
    for (const model of [{ kind: 'mlp' }, { kind: 'linear' }]) {
      const { result } = await trainOn(rows, {
        task: 'tabular-regression',
        target: 'price',
        model,
        training: { epochs: 60, optimizer: { kind: 'adam', learningRate: 0.01 } },
      });
      expect(result.metrics.test?.r2, model.kind).toBeGreaterThan(0.95);
      const predictor = await loadPredictor(result.artifact, { threads: 1 });
      const sent = rows.slice(0, 3).map(({ place, size }) => ({ place, size }));
      const [first, , , unknown] = await predictor.predict([...sent, { place: 'Mars', size: 3 }]);
      expect(Math.abs(Number(first) - (rows[0]?.price ?? 0))).toBeLessThan(2);
      expect(unknown).toEqual(expect.any(Number));
      predictor.close();
    }
  });

  it('goes on from the middle of an epoch, too', async () => {
    const rows = Array.from({ length: 20_000 }, (_, row) => ({ x: row % 97, y: (row % 97) ** 2 }));
    const given = {
      task: 'tabular-regression',
      target: 'y',
      model: { kind: 'mlp', hidden: [64, 64], dropout: 0.1 },
      training: { epochs: 2, batchSize: 8 },
    };
    const whole = await trainOn(rows, given);
    const perEpoch = whole.result.steps / 2;
    let middle = { path: '', step: 0 };
    const again = await trainOn(rows, given, {
      checkpointEveryMs: 20,
      onCheckpoint: ({ path, step }) => {
        if (step % perEpoch !== 0) middle = { path, step };
      },
    });
    // Stopping for checkpoints changes nothing.
    expect(again.points).toEqual(whole.points);
    expect(middle.step % perEpoch).not.toBe(0);
    const resumed = await trainOn(rows, given, { resumeFrom: middle.path });
    expect(resumed.points).toEqual(whole.points.filter(([step]) => step > middle.step));
    expect(resumed.result.metrics).toEqual(whole.result.metrics);
  });

  it('refuses a checkpoint of another spec', async () => {
    let path = '';
    const given = { ...species, training: { epochs: 1 } };
    await trainOn(penguins, given, {
      onCheckpoint: (checkpoint) => {
        path = checkpoint.path;
      },
    });
    const other = { ...species, training: { epochs: 1, seed: 9 } };
    expect(await sentence(trainOn(penguins, other, { resumeFrom: path }))).toMatch(
      /^bad-data: The checkpoint was written by a run of another spec/,
    );
  });

  it('stops early and at once when told to', async () => {
    const { log, spec, result } = await trainOn(penguins, {
      ...species,
      training: { epochs: 1000, earlyStopping: { patience: 3 } },
    });
    expect(result.steps).toBeLessThan(1000 * Math.ceil(275 / spec.training.batchSize));
    expect(log.some(({ text }) => /^Stopped after epoch/.test(text))).toBe(true);
    const aborted = AbortSignal.abort(new Error('never mind'));
    await expect(trainOn(penguins, species, { signal: aborted })).rejects.toThrow('never mind');
  });

  it('says where the loss diverged', async () => {
    const training = { epochs: 1, optimizer: { kind: 'adam', learningRate: 1e308 } };
    const expected =
      /^diverged: The loss diverged at step (\d+) \(epoch 1\): .*lower learning rate/;
    expect(await sentence(trainOn(cars, { ...mileage, training }))).toMatch(expected);
    // One single step, and no validation that would notice.
    const rows = Array.from({ length: 8 }, (_, row) => ({ x: row, y: row }));
    const split = { validation: 0, test: 0 };
    const once = { ...mileage, target: 'y', split, training: { ...training, batchSize: 8 } };
    expect(await sentence(trainOn(rows, once))).toMatch(expected);
  });

  it('trains without a validation split, by a column of splits, and with linear models', async () => {
    const rows = Array.from({ length: 60 }, (_, row) => ({
      x: row % 10,
      y: 3 * (row % 10) + 1,
      split: row < 50 ? 'train' : 'test',
    }));
    const { result } = await trainOn(rows, {
      task: 'tabular-regression',
      target: 'y',
      model: { kind: 'linear' },
      split: { validation: 0 },
      training: { epochs: 200, optimizer: { kind: 'adam', learningRate: 0.05 } },
    });
    expect(result.metrics.validation).toBeUndefined();
    expect(result.metrics.test?.r2).toBeGreaterThan(0.999);
    expect(result.metrics.test?.count).toBe(10);
    expect(result.bestEpoch).toBe(200);
  });
});

describe('what cannot be trained', () => {
  it('refuses a plan that needs more than the job may have, with both numbers', async () => {
    const model = { kind: 'mlp', hidden: [1500, 1500] };
    const given = { ...species, model, resources: { memoryMiB: 16 } };
    await expect(trainOn(penguins, given)).rejects.toThrow(
      /memory that it may use \(needs \d+\.\d MiB .*more than the limit of 16\.0 MiB/,
    );
  });

  const rows = (make: (row: number) => Record<string, unknown>, count = 30) =>
    Array.from({ length: count }, (_, row) => make(row));
  const cases: [string, TableSource, object, RegExp][] = [
    [
      'a missing target',
      rows((x) => ({ x, y: x % 2 })),
      { ...species, target: 'z' },
      /^invalid-spec: \/target: there is no column "z"; the columns are "x", "y"\.$/,
    ],
    [
      'a constant target',
      rows((x) => ({ x, y: 5 })),
      { ...mileage, target: 'y' },
      /^bad-data: The target "y" is always 5/,
    ],
    [
      'one class only',
      rows((x) => ({ x, y: 'a' })),
      { ...species, target: 'y' },
      /^bad-data: The target "y" has one class only, "a"/,
    ],
    [
      'a regression of texts',
      rows((x) => ({ x, y: 'a' })),
      { ...mileage, target: 'y' },
      /^bad-data: The target "y" holds texts, .* use tabular-classification/,
    ],
    [
      'a class for each row',
      rows((x) => ({ x, y: x })),
      { ...species, target: 'y' },
      /^bad-data: The target "y" has 30 different values in 30 rows.*tabular-regression/,
    ],
    [
      'a target without values',
      rows((x) => ({ x, y: null as number | null })).concat([{ x: 1, y: 1.5 }]),
      { ...mileage, target: 'y' },
      /^bad-data: Only one row has a value of the target/,
    ],
    [
      'nothing beside the target',
      rows((y) => ({ y })),
      { ...mileage, target: 'y' },
      /^bad-data: There is no column to learn from beside the target "y"/,
    ],
    [
      'only columns that say nothing',
      rows((y) => ({ y, name: `n${y}`, same: 1 })),
      { ...mileage, target: 'y' },
      /^bad-data: No column is left to learn from\. The column "name"/,
    ],
    [
      'an excluded column that is not there',
      rows((x) => ({ x, y: x })),
      { ...mileage, target: 'y', columns: { exclude: ['q'] } },
      /^invalid-spec: \/columns\/exclude: there is no column "q"/,
    ],
    [
      'a batch size above the rows that have a target',
      rows((x) => ({ x, y: x % 2 === 0 ? x : null })),
      { ...mileage, target: 'y', training: { batchSize: 20 } },
      /^invalid-spec: \/training\/batchSize: 20 is more than the 11 items/,
    ],
  ];
  for (const [name, source, given, expected] of cases) {
    it(`${name} ends in a sentence`, async () => {
      expect(await sentence(trainOn(source, given))).toMatch(expected);
    });
  }

  it('warns of rows without a target and of a label with one example', async () => {
    const { result, log } = await trainOn(
      rows((x) => ({ x, y: x === 7 ? 'rare' : x === 9 ? null : x < 15 ? 'low' : 'high' })),
      { ...species, target: 'y', training: { epochs: 2 } },
    );
    expect(result.warnings).toEqual([
      '1 row has no value of the target "y" and is left out.',
      'The label "rare" has one example only; it is used for training.',
    ]);
    expect(log.filter(({ level }) => level === 'warn').map(({ text }) => text)).toEqual(
      result.warnings,
    );
  });
});
