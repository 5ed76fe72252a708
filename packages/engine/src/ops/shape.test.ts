import { expect, test } from 'vitest';
import { Graph, Session, tensor } from '../index.ts';
import { compute, numbers } from './operations.fixture.ts';

const x = tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], [3, 4]);

test("slices are Python's", () => {
  const sliced = (...ranges: Parameters<Graph['stridedSlice']>[1]) =>
    numbers(compute((g, n) => g.stridedSlice(n, ranges), x));
  expect(sliced([1], [null, null, 2])).toEqual([4, 6, 8, 10]);
  expect(sliced([null, null, -1], [-2])).toEqual([10, 11, 6, 7, 2, 3]);
  expect(sliced([0, 1], [3, 0, -1])).toEqual([3, 2, 1]);
  expect(sliced(null, [5])).toEqual([]);
  expect(numbers(compute((g, n) => g.flip(n, [0, 1]), x))).toEqual(
    Array.from({ length: 12 }, (_, i) => 11 - i),
  );
});

test('stack, unstack, split, pad and tile', () => {
  expect(compute((g, n) => g.stack([n, n], 1), x)).toMatchObject({ shape: [3, 2, 4] });
  expect(numbers(compute((g, n) => g.unstack(n)[2] ?? n, x))).toEqual([8, 9, 10, 11]);
  expect(numbers(compute((g, n) => g.split(n, [1, 3], 1)[0] ?? n, x))).toEqual([0, 4, 8]);
  expect(numbers(compute((g, n) => g.split(n, 2, 1)[1] ?? n, x))).toEqual([2, 3, 6, 7, 10, 11]);
  const pair = tensor([1, 2], [1, 2]);
  expect(
    compute(
      (g, n) =>
        g.pad(
          n,
          [
            [0, 1],
            [1, 0],
          ],
          9,
        ),
      pair,
    ),
  ).toMatchObject({
    shape: [2, 3],
    data: Float32Array.of(9, 1, 2, 9, 9, 9),
  });
  expect(compute((g, n) => g.tile(n, [2, 2]), pair)).toMatchObject({
    shape: [2, 4],
    data: Float32Array.of(1, 2, 1, 2, 1, 2, 1, 2),
  });
});

test('squeeze and expandDims keep the batch', () => {
  const graph = new Graph();
  const batch = graph.placeholder('x', [null, 1, 4]);
  const narrow = graph.squeeze(batch, 1);
  expect(narrow.shape).toEqual([null, 4]);
  expect(graph.expandDims(narrow, -1).shape).toEqual([null, 4, 1]);
  const moved = graph.expandDims(narrow, 0);
  expect(moved.shape).toEqual([1, null, 4]);
  const { y } = new Session(graph).runSync({ x: tensor([1, 2, 3, 4], [1, 1, 4]) }, { y: moved });
  expect(y.shape).toEqual([1, 1, 4]);
  expect(() => graph.squeeze(narrow, 1)).toThrow(/axis 1 of .* has 4 elements, not 1/);
  expect(() => graph.split(narrow, 3, 1)).toThrow(/an axis of 4 does not split into 3/);
  expect(() => graph.flip(batch, 0)).toThrow(/batch/);
});

test('elements are taken by number, along any axis', () => {
  const columns = tensor(Int32Array.of(3, 0));
  expect(numbers(compute((g, n, i) => g.take(n, i, 1), x, columns))).toEqual([3, 0, 7, 4, 11, 8]);
  const places = tensor(Int32Array.of(1, 0, 3), [3, 1]);
  expect(numbers(compute((g, n, i) => g.takeAlongAxis(n, i), x, places))).toEqual([1, 4, 11]);
  const wrong = tensor(Int32Array.of(4), [1]);
  expect(() => compute((g, n, i) => g.take(n, i, 1), x, wrong)).toThrow(/index/);
});

test('reductions and order', () => {
  expect(numbers(compute((g, n) => g.prod(n, 1), tensor([1, 2, 3, 4], [2, 2])))).toEqual([2, 12]);
  expect(numbers(compute((g, n) => g.min(n, [0, 1]), x))).toEqual([0]);
  expect(numbers(compute((g, n) => g.std(n, 1, { correction: 1 }), x))[0]).toBeCloseTo(1.2909944);
  expect(numbers(compute((g, n) => g.logSumExp(n), tensor([1000, 1000])))[0]).toBeCloseTo(
    1000 + Math.LN2,
    3,
  );
  expect(numbers(compute((g, n) => g.cumsum(n, 0, { exclusive: true }), x)).slice(8)).toEqual([
    4, 6, 8, 10,
  ]);
  expect(numbers(compute((g, n) => g.topK(n, 2).values, x))).toEqual([3, 2, 7, 6, 11, 10]);
  expect(numbers(compute((g, n) => g.topK(n, 2).indices, x))).toEqual([3, 2, 3, 2, 3, 2]);
  expect(numbers(compute((g, n) => g.argmin(n, 0), x))).toEqual([0, 0, 0, 0]);
  expect(numbers(compute((g, n) => g.any(g.greater(n, 10), 1), x))).toEqual([0, 0, 1]);
  expect(numbers(compute((g, n) => g.all(g.greater(n, 3), 1), x))).toEqual([0, 1, 1]);
});
