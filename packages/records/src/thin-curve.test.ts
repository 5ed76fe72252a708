import { expect, it } from 'vitest';
import { type CurvePoint, thinCurve } from './thin-curve.ts';

const curve = (values: (number | null)[]): CurvePoint[] =>
  values.map((value, index) => [index + 1, [1, value]]);

it('leaves a short curve as it is', () => {
  const points = curve([1, 2, 3]);
  expect(thinCurve(points, 3)).toEqual(points);
});

it.each([2, 3, 4, 5, 10, 101])('keeps at most %i points, in order, with both ends', (max) => {
  const thin = thinCurve(curve(Array.from({ length: 1000 }, (_, at) => Math.sin(at / 9))), max);
  expect(thin.length).toBeLessThanOrEqual(max);
  const steps = thin.map(([step]) => step);
  expect(steps).toEqual([...new Set(steps)].sort((a, b) => a - b));
  expect([steps[0], steps.at(-1)]).toEqual([1, 1000]);
});

it('loses no spike, and no value that is not a number', () => {
  const values: (number | null)[] = Array(5000).fill(1);
  values[1234] = 50;
  values[3456] = -50;
  values[4000] = null;
  const kept = thinCurve(curve(values), 100).map(([, [, value]]) => value);
  for (const value of [50, -50, null]) expect(kept).toContain(value);
});
