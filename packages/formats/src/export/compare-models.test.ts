import type { Feeds, Tensor } from '@vanda/engine';
import { tensor } from '@vanda/engine';
import { expect, test } from 'vitest';
import { compareModels, type RunningModel } from './compare-models.ts';

/** Answers that score the class `of(x)` of three with 1, as far from it as x says elsewhere. */
function model(of: (x: number) => number, asked: number[] = []): RunningModel {
  return {
    async run({ x }: Feeds) {
      const values = Array.from((x as Tensor).data, Number);
      asked.push(values.length);
      const data = values.flatMap((value) => [0, 1, 2].map((c) => (c === of(value) ? 1 : 0.25)));
      return { scores: tensor(data, [values.length, 3]) };
    },
    close() {},
  };
}

test('each item counts once, in parts, against the label that is its own', async () => {
  const x = tensor(
    Array.from({ length: 70 }, (_, i) => i),
    [70, 1],
  );
  // The first two have no known label; the export errs on each seventh item.
  const classes = Int32Array.from({ length: 70 }, (_, i) => (i < 2 ? -1 : i % 3));
  const asked: number[] = [];
  const source = model((value) => value % 3, asked);
  const exported = model((value) => (value % 7 === 0 ? (value + 1) % 3 : value % 3));
  expect(await compareModels(source, exported, { x }, classes)).toEqual({
    items: 70,
    maxAbsoluteDifference: 0.75,
    topOneAgreement: 60 / 70,
    accuracy: 59 / 68,
    sourceAccuracy: 1,
  });
  expect(asked).toEqual([24, 23, 23]);
});

test('without labels there is no accuracy, and what is no number is as far as can be', async () => {
  const x = tensor([0, 1], [2, 1]);
  const broken: RunningModel = {
    run: async () => ({ scores: tensor([Number.NaN, 0, 0, 0, 1, 0], [2, 3]) }),
    close() {},
  };
  const compared = await compareModels(
    model((value) => value),
    broken,
    { x },
    null,
  );
  expect(compared).toMatchObject({
    maxAbsoluteDifference: Number.POSITIVE_INFINITY,
    accuracy: null,
    sourceAccuracy: null,
  });
});
