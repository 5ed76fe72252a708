import { expect, test } from 'vitest';
import type { Node } from '../index.ts';
import { Graph, Session, tensor } from '../index.ts';
import { numbers } from './operations.fixture.ts';

test('random nodes draw alike for a seed and a step, and the batch gives the shape', () => {
  const draw = (seed: number, step: number, threads: number) => {
    const graph = new Graph({ seed });
    const x = graph.placeholder('x', [null, 300]);
    const nodes = {
      normal: graph.randomNormal(x, { mean: 1, deviation: 2 }),
      uniform: graph.randomUniform([4], { low: -1 }),
      cut: graph.randomTruncatedNormal([2000]),
      coin: graph.randomBernoulli([2000], 0.25),
    };
    const feeds = { x: tensor(new Float32Array(90_000), [300, 300]) };
    return new Session(graph, { threads }).runSync(feeds, nodes, { step });
  };
  const once = draw(1, 5, 1);
  expect(once).toEqual(draw(1, 5, 2));
  expect(numbers(once.normal)).not.toEqual(numbers(draw(1, 6, 1).normal));
  expect(numbers(once.normal)).not.toEqual(numbers(draw(2, 5, 1).normal));
  expect(once.normal.shape).toEqual([300, 300]);
  const mean = numbers(once.normal).reduce((sum, value) => sum + value, 0) / 90_000;
  expect(mean).toBeCloseTo(1, 1);
  expect(Math.max(...numbers(once.cut).map(Math.abs))).toBeLessThanOrEqual(2);
  const heads = numbers(once.coin).reduce((sum, value) => sum + value, 0);
  expect(heads).toBeGreaterThan(400);
  expect(heads).toBeLessThan(600);
});

test('noise lets the gradient of what it is added to through', () => {
  const graph = new Graph();
  const x = graph.placeholder('x', [null]);
  const loss = graph.sum(graph.add(x, graph.randomNormal(x)));
  const dx = graph.gradients(loss, [x])[0] as Node;
  expect(numbers(new Session(graph).runSync({ x: tensor([3, 4]) }, { dx }).dx)).toEqual([1, 1]);
});

test('initializers make what they are named for', () => {
  const graph = new Graph({ seed: 3 });
  const eye = graph.variable('eye', [2, 2], { kind: 'identity', gain: 2 });
  const q = graph.variable('q', [5, 5], { kind: 'orthogonal' });
  const product = graph.matmul(q, q, { transposeB: true });
  const result = new Session(graph).runSync({}, { eye, product });
  expect(numbers(result.eye)).toEqual([2, 0, 0, 2]);
  numbers(result.product).forEach((value, i) => {
    expect(value).toBeCloseTo(i % 6 === 0 ? 1 : 0, 5);
  });
  expect(() => graph.variable('r', [3], { kind: 'orthogonal' })).toThrow(/makes f32 matrices/);
});
