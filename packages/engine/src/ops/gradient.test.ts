import { expect, test } from 'vitest';
import type { Node } from '../index.ts';
import { Graph, Session, tensor } from '../index.ts';
import { numbers } from './operations.fixture.ts';

test('gradients go towards any node, inputs and inner ones included', () => {
  const graph = new Graph();
  const x = graph.placeholder('x', [3]);
  const w = graph.variable('w', [3], { kind: 'constant', value: 2 });
  const inner = graph.mul(x, w);
  const loss = graph.sum(graph.square(graph.add(inner, graph.stopGradient(inner))));
  const [dx, dw, di] = graph.gradients(loss, [x, w, inner]) as [Node, Node, Node];
  const result = new Session(graph).runSync({ x: tensor([1, 2, 3]) }, { dx, dw, di });
  // d/di (i + c)^2 = 2 (i + c) = 4 i, since the other summand counts as constant.
  expect(numbers(result.di)).toEqual([8, 16, 24]);
  expect(numbers(result.dx)).toEqual([16, 32, 48]);
  expect(numbers(result.dw)).toEqual([8, 32, 72]);
});

test('a function may bring a gradient of its own, which can be differentiated again', () => {
  const graph = new Graph();
  const x = graph.placeholder('x', [null]);
  // The straight-through estimator: rounds on the way forward, does nothing on the way back.
  const round = (input: Node) =>
    graph.customGradient(
      [input],
      (value) => graph.round(value as Node),
      (gradient) => [gradient],
    );
  const loss = graph.sum(graph.square(round(graph.mul(x, 3))));
  const first = graph.gradients(loss, [x])[0] as Node;
  const feeds = { x: tensor([0.5, 1.1]) };
  // d/dx round(3 x)^2 = 2 round(3 x) 3
  expect(numbers(new Session(graph).runSync(feeds, { first }).first)).toEqual([12, 18]);
  // Once more: the gradient of round is 1 again, so 2 * 3 * 3.
  const second = graph.gradients(graph.sum(first), [x])[0] as Node;
  expect(numbers(new Session(graph).runSync(feeds, { second }).second)).toEqual([18, 18]);
});

test('a gradient written by hand may use inputs and output, clip, and leave inputs out', () => {
  const graph = new Graph();
  const [a, b] = [graph.placeholder('a', [2]), graph.placeholder('b', [2])];
  const y = graph.customGradient(
    [a, b],
    (p, q) => graph.exp(graph.mul(p as Node, q as Node)),
    (gradient, [, q], output) => [graph.mul(graph.mul(gradient, output), q as Node), undefined],
  );
  const loss = graph.sum(graph.mul(y, 2));
  const [da, db] = graph.gradients(loss, [a, b]) as [Node, Node];
  const feeds = { a: tensor([1, 2]), b: tensor([0.5, 0.25]) };
  const result = new Session(graph).runSync(feeds, { da, db });
  expect(result.da.data[0]).toBeCloseTo(2 * Math.exp(0.5) * 0.5, 5);
  expect(numbers(result.db)).toEqual([0, 0]);
  // It goes through JSON with its gradient.
  const copy = Graph.load(graph.toJSON([loss]));
  const again = copy.graph.gradients(copy.outputs[0] as Node, [copy.graph.byName('a')])[0] as Node;
  const read = new Session(copy.graph).runSync(feeds, { again });
  expect(numbers(read.again)).toEqual(numbers(result.da));
  expect(() =>
    graph.customGradient(
      [a],
      () => y,
      () => [],
    ),
  ).toThrow(/0 gradients for 1 inputs/);
  expect(() =>
    graph.customGradient(
      [a],
      (p) => p as Node,
      (gradient) => [graph.sum(gradient)],
    ),
  ).toThrow(/the gradient towards input 0 must be/);
});
