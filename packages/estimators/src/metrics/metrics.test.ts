import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { classificationMetricsOf } from './classification.ts';
import { regressionMetricsOf } from './regression.ts';

interface Fixtures {
  classification: {
    name: string;
    labels: number;
    truth: number[];
    scores: number[];
    expected: Record<'accuracy' | 'precision' | 'recall' | 'f1' | 'logLoss', number> & {
      rocAuc: number | null;
      confusion: number[][];
    };
  }[];
  regression: {
    name: string;
    truth: number[];
    predicted: number[];
    expected: Record<'mae' | 'rmse' | 'r2', number>;
  }[];
}
const fixtures = JSON.parse(
  readFileSync(new URL('./sklearn-fixtures.json', import.meta.url), 'utf8'),
) as Fixtures;

describe('classification metrics', () => {
  for (const { name, labels, truth, scores, expected } of fixtures.classification) {
    it(`are scikit-learn's: ${name}`, () => {
      const names = Array.from({ length: labels }, (_, label) => `label ${label}`);
      const figures = classificationMetricsOf(
        Int32Array.from(truth),
        Float32Array.from(scores),
        names,
      );
      for (const metric of ['accuracy', 'precision', 'recall', 'f1'] as const) {
        expect(figures[metric], metric).toBeCloseTo(expected[metric], 12);
      }
      expect(figures.logLoss).toBeCloseTo(expected.logLoss, 6);
      if (expected.rocAuc === null) expect(figures).not.toHaveProperty('rocAuc');
      else expect(figures.rocAuc).toBeCloseTo(expected.rocAuc, 12);
      expect(figures.confusionMatrix).toEqual({ labels: names, counts: expected.confusion });
      expect(figures.count).toBe(truth.length);
    });
  }

  it('of nothing are only its count', () => {
    expect(classificationMetricsOf(new Int32Array(0), new Float32Array(0), ['a', 'b'])).toEqual({
      count: 0,
    });
  });
});

describe('regression metrics', () => {
  for (const { name, truth, predicted, expected } of fixtures.regression) {
    it(`are scikit-learn's: ${name}`, () => {
      const figures = regressionMetricsOf(Float64Array.from(truth), Float64Array.from(predicted));
      for (const metric of ['mae', 'rmse', 'r2'] as const) {
        expect(figures[metric], metric).toBeCloseTo(expected[metric], 10);
      }
    });
  }

  it('leave r2 out where all true values are equal', () => {
    const figures = regressionMetricsOf(Float64Array.of(3, 3), Float64Array.of(2, 5));
    expect(figures).toEqual({ mae: 1.5, rmse: Math.sqrt(2.5), count: 2 });
  });
});
