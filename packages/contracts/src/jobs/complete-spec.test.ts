import { describe, expect, it } from 'vitest';
import type { DatasetProfile } from '../datasets/profile.ts';
import { parseOrThrow } from '../validation.ts';
import { completeSpec } from './complete-spec.ts';
import { trainSpec } from './spec.ts';

const preview = { key: '', sha256: '', bytes: 0, items: 0 };
const none = { train: 0, validation: 0, test: 0 };
const table = (items: number, splits = none): DatasetProfile => ({
  kind: 'table',
  items,
  splits,
  splitColumn: null,
  columns: [],
  files: [],
  preview,
});
const pictures = (items: number, side = 28, splits = none): DatasetProfile => ({
  kind: 'images',
  items,
  splits,
  labels: [],
  sizes: [{ width: side, height: side - 4, count: items }],
  channels: 1,
  files: [],
  preview,
});
const digits = { name: 'digits', task: 'image-classification', dataset: 'mnist' };
const prices = { name: 'prices', task: 'tabular-regression', dataset: 'homes', target: 'price' };
const complete = (spec: object, profile: DatasetProfile) =>
  completeSpec(parseOrThrow(trainSpec, spec, 'invalid-spec'), 'data@3', profile).spec;

describe('completeSpec', () => {
  it('fills in everything for pictures', () => {
    const mnist = pictures(70_000, 28, { train: 60_000, validation: 0, test: 10_000 });
    expect(complete(digits, mnist)).toMatchObject({
      dataset: 'data@3',
      model: { kind: 'cnn', input: { size: 28, channels: 1 } },
      split: { validation: 0.1, test: 0.1, seed: 1 },
      training: { batchSize: 128, optimizer: { kind: 'adam', learningRate: 0.001 } },
      resources: { device: 'auto', priority: 0, timeoutMinutes: 60, retries: 0 },
    });
  });

  it('keeps what the spec says', () => {
    const training = { epochs: 3, batchSize: 7, earlyStopping: null };
    const spec = complete({ ...prices, model: { kind: 'linear' }, training }, table(100));
    expect(spec.model).toEqual({ kind: 'linear' });
    expect(spec.training).toMatchObject(training);
    const input = { size: 40, channels: 3 };
    expect(
      complete({ ...digits, model: { kind: 'mlp', input } }, pictures(50)).model,
    ).toMatchObject({ kind: 'mlp', input });
  });

  it('gives a small table small batches and more epochs', () => {
    const small = complete(prices, table(300)).training;
    const large = complete(prices, table(3_000_000)).training;
    expect(small.batchSize).toBeLessThan(large.batchSize);
    expect(small.epochs).toBeGreaterThan(large.epochs);
  });

  it('keeps default pictures small and takes their own size where it is', () => {
    const sizeOf = (side: number) => {
      const { model } = complete(digits, pictures(500, side));
      return model.kind === 'cnn' ? model.input.size : null;
    };
    expect([4, 28, 64, 1000].map(sizeOf)).toEqual([8, 28, 64, 64]);
  });

  it('gives larger pictures more blocks and refuses a model that no machine holds', () => {
    const filtersOf = (size: number) => {
      const { model } = complete(
        { ...digits, model: { kind: 'cnn', input: { size } } },
        pictures(9),
      );
      return model.kind === 'cnn' ? model.filters.length : 0;
    };
    expect([8, 28, 64, 128, 224, 1024].map(filtersOf)).toEqual([2, 2, 3, 4, 5, 6]);
    const wide = { kind: 'mlp', hidden: new Array(16).fill(16_384) };
    expect(() => complete({ ...prices, model: wide }, table(100))).toThrow(
      '/model: The model would have 4,027 million weights; at most 100 million are possible.',
    );
  });

  it('never makes a default batch larger than the training items', () => {
    for (const items of [1, 2, 3, 5, 10, 39]) {
      const { batchSize } = complete(prices, table(items)).training;
      expect(batchSize).toBeLessThanOrEqual(Math.max(1, items));
    }
    expect(complete(prices, table(10)).training.batchSize).toBe(8);
  });

  it('refuses a batch size larger than the training items and names their number', () => {
    const large = { ...prices, training: { batchSize: 81 } };
    expect(() => complete(large, table(100))).toThrow(
      '/training/batchSize: 81 is more than the 80 items of data@3 that are for training.',
    );
    expect(
      complete({ ...prices, training: { batchSize: 80 } }, table(100)).training.batchSize,
    ).toBe(80);
    const predefined = table(100, { train: 40, validation: 10, test: 50 });
    expect(() => complete({ ...prices, training: { batchSize: 41 } }, predefined)).toThrow(/40/);
  });

  it('refuses a task that does not fit the data', () => {
    expect(() => complete(digits, table(10))).toThrow(/needs pictures, but data@3 is a table/);
    expect(() => complete(prices, pictures(10))).toThrow(/needs a table/);
  });

  it('fits the defaults of a retraining to what of it moves', () => {
    const base = {
      name: 'cats@4',
      input: { size: 96, channels: 3 as const },
      layers: ['conv', 'pool', 'logits'],
      features: 'pool',
    };
    const retrained = (model: object, training?: object) => {
      const spec = { ...digits, model: { kind: 'retrain', base: 'cats', ...model }, training };
      const parsed = parseOrThrow(trainSpec, spec, 'invalid-spec');
      return completeSpec(parsed, 'data@3', pictures(5000), base).spec;
    };
    const rate = (learningRate: number) => ({ kind: 'adam', learningRate });
    expect(retrained({}).training).toMatchObject({
      epochs: 30,
      batchSize: 128,
      optimizer: rate(0.003),
    });
    // The whole of the base runs in each step: for pictures that vary, and where it moves.
    const varied = retrained({}, { augment: { flip: true } }).training;
    expect(varied).toMatchObject({ epochs: 8, batchSize: 32, optimizer: rate(0.003) });
    const moving = retrained({ unfreeze: 'conv' }).training;
    expect(moving).toMatchObject({ epochs: 8, batchSize: 32, optimizer: rate(0.0001) });
    expect(retrained({}, { augment: { flip: false } }).training.epochs).toBe(30);
    expect(() =>
      complete({ ...digits, model: { kind: 'retrain', base: 'cats' } }, pictures(9)),
    ).toThrow('/model/base: cats is not known here.');
  });
});
