import { expect, test } from 'vitest';
import type { Node, Tensor } from '../index.ts';
import { Graph, nn, Session, tensor } from '../index.ts';

function compute(build: (x: Node) => Node, x: Tensor): Tensor {
  const graph = new Graph({ seed: 1 });
  const input = graph.placeholder('x', [null, ...x.shape.slice(1)], x.dtype);
  return new Session(graph, { threads: 1 }).runSync({ x }, { y: build(input) }).y;
}

const numbers = (value: Tensor) => Array.from(value.data as Float32Array, Number);
const near = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 4));

test('layer normalisation gives each row mean 0 and deviation 1', () => {
  const x = tensor([1, 2, 3, 4, 10, 20, 30, 40], [2, 4]);
  const y = compute((n) => nn.layerNormalization({ epsilon: 1e-12 }).apply(n, training), x);
  const row = [-1.34164, -0.44721, 0.44721, 1.34164];
  expect(numbers(y)).toEqual(near([...row, ...row]));
});

test('group normalisation takes the places and the channels of a group together', () => {
  const x = tensor([1, 2, 10, 30, 3, 4, 20, 40], [1, 2, 4]);
  const y = compute((n) => nn.groupNormalization(2, { epsilon: 1e-12 }).apply(n, training), x);
  const [a, b, c, d] = [-1.34164, -0.44721, 0.44721, 1.34164];
  expect(numbers(y)).toEqual(near([a, b, a, c, c, d, b, d]));
  expect(() => compute((n) => nn.groupNormalization(3).apply(n, training), x)).toThrow(
    /group_norm: 4 channels do not divide into 3 groups/,
  );
  expect(() =>
    compute((n) => nn.layerNormalization().apply(n, training), tensor([1], [1])),
  ).toThrow(/layerNormalization: does not take an input of shape \[batch\]/);
});

const training = { training: true };
