import { expect, test } from 'vitest';
import { tensor } from '../index.ts';
import { drawn, gradientError } from './finite-differences.fixture.ts';
import { compute, numbers } from './operations.fixture.ts';

const x = tensor(
  Float32Array.from({ length: 16 }, (_, i) => i),
  [1, 2, 4, 2],
);

test('blocks of places become channels, and back', () => {
  const deep = compute((g, n) => g.spaceToDepth(n, 2), x);
  expect(deep.shape).toEqual([1, 1, 2, 8]);
  expect(numbers(deep)).toEqual([0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15]);
  const back = compute((g, n) => g.depthToSpace(n, 2), deep);
  expect(back.shape).toEqual(x.shape);
  expect(numbers(back)).toEqual(numbers(x));
  expect(() => compute((g, n) => g.spaceToDepth(n, 3), x)).toThrow(/no whole blocks of 3/);
  expect(() => compute((g, n) => g.depthToSpace(n, 2), x)).toThrow(/2 channels/);
  expect(gradientError((g, n) => g.spaceToDepth(n, 2), drawn([1, 2, 4, 1]))).toBeLessThan(0.01);
});

test('borders mirror or repeat what lies inside', () => {
  const row = tensor([1, 2, 3], [1, 3]);
  const padded = (kind: 'padReflect' | 'padEdge', border: [number, number]) =>
    numbers(compute((g, n) => g[kind](n, [[0, 0], border]), row));
  expect(padded('padReflect', [2, 1])).toEqual([3, 2, 1, 2, 3, 2]);
  expect(padded('padEdge', [2, 3])).toEqual([1, 1, 1, 2, 3, 3, 3, 3]);
  expect(() => padded('padReflect', [3, 0])).toThrow(/an axis of 3 takes no border of \[3, 0\]/);
  expect(
    gradientError(
      (g, n) =>
        g.padReflect(n, [
          [1, 1],
          [2, 0],
        ]),
      drawn([3, 4]),
    ),
  ).toBeLessThan(0.01);
});
