import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadPredictor } from './load-predictor.ts';
import type { ClassPrediction } from './prediction.ts';
import { type FittedModel, tabularClassifier } from './standalone/estimator.ts';

const penguins = join(
  import.meta.dirname,
  '../../../node_modules/vega-datasets/data/penguins.json',
);
const gentoo = {
  Island: 'Biscoe',
  'Beak Length (mm)': 50,
  'Beak Depth (mm)': 15,
  'Flipper Length (mm)': 220,
  'Body Mass (g)': 5200,
  Sex: 'MALE',
};
const { Sex: _, ...withoutSex } = gentoo;
const { Island: __, ...withoutIsland } = gentoo;

let model: FittedModel<ClassPrediction>;
beforeAll(async () => {
  model = await tabularClassifier({
    target: 'Species',
    training: { epochs: 40 },
    threads: 1,
  }).fit(penguins);
});
afterAll(() => model.close());

describe('a predictor of rows', () => {
  it('answers label, score and all scores', async () => {
    const [answer] = await model.predict([gentoo]);
    expect(answer?.label).toBe('Gentoo');
    expect(Object.keys(answer?.scores ?? {})).toEqual(['Adelie', 'Chinstrap', 'Gentoo']);
    expect(answer?.score).toBe(answer?.scores.Gentoo);
    const sum = Object.values(answer?.scores ?? {}).reduce((total, score) => total + score, 0);
    expect(sum).toBeCloseTo(1, 5);
  });

  it('tells in its signature what it takes', () => {
    expect(model.signature.input).toEqual({
      kind: 'row',
      fields: [
        {
          name: 'Island',
          type: 'category',
          optional: false,
          values: ['Biscoe', 'Dream', 'Torgersen'],
          example: 'Biscoe',
        },
        ...['Beak Length (mm)', 'Beak Depth (mm)', 'Flipper Length (mm)', 'Body Mass (g)'].map(
          (name) => expect.objectContaining({ name, type: 'number', optional: true }),
        ),
        expect.objectContaining({ name: 'Sex', type: 'category', optional: true }),
      ],
    });
  });

  it('takes missing, unknown and extra where they are understood', async () => {
    const same = [
      gentoo,
      { ...gentoo, colour: { nested: true } },
      { ...gentoo, 'Body Mass (g)': '5200' },
    ];
    const [first, ...others] = await model.predict(same);
    for (const other of others) expect(other).toEqual(first);
    const missing = [withoutSex, { ...gentoo, Sex: null }];
    const [left, right] = await model.predict(missing);
    expect(left).toEqual(right);
    for (const odd of [
      { ...gentoo, Island: null },
      { ...gentoo, Island: 'Atlantis' },
      { ...gentoo, 'Body Mass (g)': Number.NaN },
      { ...gentoo, 'Body Mass (g)': Number.POSITIVE_INFINITY },
      { ...gentoo, 'Body Mass (g)': 1e308 },
    ]) {
      const [answer] = await model.predict([odd]);
      expect(Number.isFinite(answer?.score)).toBe(true);
    }
  });

  it('names the instance and the column of what it refuses', async () => {
    await expect(model.predict([gentoo, withoutIsland])).rejects.toMatchObject({
      code: 'invalid-request',
      message: 'Instance 1 has no column "Island", which the model needs.',
    });
    await expect(model.predict([{ ...gentoo, 'Body Mass (g)': 'heavy' }])).rejects.toThrow(
      'Instance 0, column "Body Mass (g)": must be a number, not "heavy".',
    );
  });

  it('answers nothing to nothing, and thousands at once as one by one', async () => {
    expect(await model.predict([])).toEqual([]);
    const rows = Array.from({ length: 2500 }, (_, row) => ({
      ...gentoo,
      'Body Mass (g)': 2700 + row,
    }));
    const asked = [0, 1023, 1024, 2499];
    const [together, ...alone] = await Promise.all([
      model.predict(rows),
      ...asked.map((row) => model.predict([rows[row]])),
    ]);
    expect(together).toHaveLength(2500);
    // A product of many rows may add its terms in another order than that of one row.
    for (const [index, row] of asked.entries()) {
      const [one] = alone[index] ?? [];
      expect(one?.label).toBe(together[row]?.label);
      expect(one?.score).toBeCloseTo(together[row]?.score ?? Number.NaN, 5);
    }
  });

  it('takes labels and columns that are also words of the language', async () => {
    const rows = Array.from({ length: 40 }, (_, row) => ({
      constructor: row % 2,
      toString: `${row % 4}`,
      label: row % 2 === 0 ? '__proto__' : 'valueOf',
    }));
    const odd = await tabularClassifier({
      target: 'label',
      training: { epochs: 30, optimizer: { kind: 'adam', learningRate: 0.02 } },
      threads: 1,
    }).fit(rows);
    const [answer] = await odd.predict([{ constructor: 0, toString: '2' }]);
    expect(answer?.label).toBe('__proto__');
    expect(Object.keys(answer?.scores ?? {})).toEqual(['__proto__', 'valueOf']);
    await expect(odd.predict([{}])).rejects.toThrow('has no column "constructor"');
    odd.close();
  });
});

describe('loadPredictor', () => {
  it('refuses what no estimator wrote', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'artifact-'));
    await model.save(folder);
    const path = join(folder, 'model.json');
    await expect(loadPredictor(join(folder, 'absent'), { threads: 1 })).rejects.toThrow();
    writeFileSync(path, '{"format": "something else"}');
    await expect(loadPredictor(folder, { threads: 1 })).rejects.toThrow();
    rmSync(folder, { recursive: true });
  });
});
