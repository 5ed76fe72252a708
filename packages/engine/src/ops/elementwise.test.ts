import { expect, test } from 'vitest';
import { EngineError, Graph, Session, tensor } from '../index.ts';
import { compute, numbers } from './operations.fixture.ts';

test('rounding, remainders and tests follow NumPy', () => {
  const x = tensor([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]);
  expect(numbers(compute((g, n) => g.round(n), x))).toEqual([-2, -2, -0, 0, 2, 2]);
  expect(numbers(compute((g, n) => g.ceil(n), x))).toEqual([-2, -1, -0, 1, 2, 3]);
  expect(numbers(compute((g, n) => g.trunc(n), x))).toEqual([-2, -1, -0, 0, 1, 2]);
  expect(numbers(compute((g, n) => g.mod(n, 2), x))).toEqual([1.5, 0.5, 1.5, 0.5, 1.5, 0.5]);
  const odd = tensor([1, Number.NaN, Number.POSITIVE_INFINITY]);
  expect(numbers(compute((g, n) => g.isNan(n), odd))).toEqual([0, 1, 0]);
  expect(numbers(compute((g, n) => g.isFinite(n), odd))).toEqual([1, 0, 0]);
  expect(numbers(compute((g, n) => g.maximum(n, 0), odd))[1]).toBeNaN();
});

test('activations have the shapes that their names promise', () => {
  const x = tensor([-4, -1, 0, 1, 4, 8]);
  expect(numbers(compute((g, n) => g.relu6(n), x))).toEqual([0, 0, 0, 1, 4, 6]);
  expect(numbers(compute((g, n) => g.hardSigmoid(n), x))[2]).toBeCloseTo(0.5);
  expect(numbers(compute((g, n) => g.hardSwish(n), x))).toEqual([
    0,
    expect.closeTo(-1 / 3),
    0,
    expect.closeTo(2 / 3),
    4,
    8,
  ]);
  const [exact, close] = [false, true].map((approximate) =>
    numbers(compute((g, n) => g.gelu(n, { approximate }), tensor([1]))),
  );
  expect(exact?.[0]).toBeCloseTo(0.8413447, 6);
  expect(close?.[0]).toBeCloseTo(0.841192, 6);
  expect(numbers(compute((g, n) => g.sin(n), tensor([1e8])))[0]).toBeCloseTo(Math.sin(1e8), 6);
});

test('a number takes the dtype of what it meets, when it can', () => {
  const graph = new Graph();
  const index = graph.placeholder('i', [3], 'i64');
  const next = graph.mod(graph.add(index, 1), 3);
  const found = graph.equal(index, 2);
  const feeds = { i: tensor(BigInt64Array.of(0n, 1n, 2n)) };
  const result = new Session(graph).runSync(feeds, { next, found });
  expect(result.next.data).toEqual(BigInt64Array.of(1n, 2n, 0n));
  expect(result.found.data).toEqual(Uint8Array.of(0, 0, 1));
  expect(() => graph.add(index, 0.5)).toThrow(/the number 0.5 is no i64; cast first/);
  expect(() => graph.add(graph.placeholder('k', [1], 'i32'), 2 ** 31)).toThrow(EngineError);
});
