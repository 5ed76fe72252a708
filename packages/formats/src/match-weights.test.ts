import { Graph, Session, tensor } from '@vanda/engine';
import { expect, test } from 'vitest';
import { matchWeights } from './match-weights.ts';

const graph = new Graph();
const kernel = graph.variable('conv/kernel', [1, 2, 3, 2], { kind: 'zeros' });
graph.variable('conv/bias', [2], { kind: 'zeros' });
const names = (variable: string) =>
  variable === 'conv/kernel'
    ? { tensor: 'conv.weight', permutation: [2, 3, 1, 0] }
    : { tensor: variable.replace('/', '.') };

/** [out 2, in 3, high 1, wide 2], each number the digits of its indices. */
const weight = tensor(
  [...Array(12).keys()].map(
    (i) => 100 * Math.floor(i / 6) + 10 * (Math.floor(i / 2) % 3) + (i % 2),
  ),
  [2, 3, 1, 2],
);

test('values come in the order of the axes that the variable has', async () => {
  const values = matchWeights(
    graph.variables,
    { 'conv.weight': weight, 'conv.bias': tensor([1, 2]) },
    names,
  );
  const session = new Session(graph);
  session.assign(values);
  const { read } = await session.run({}, { read: graph.add(kernel, 0) });
  expect(read.shape).toEqual([1, 2, 3, 2]);
  // [wide][in][out]
  expect([...read.data]).toEqual([0, 100, 10, 110, 20, 120, 1, 101, 11, 111, 21, 121]);
});

test('everything that does not fit is said at once', () => {
  const tensors = {
    'conv.weight': tensor([1, 2], [1, 2]),
    more: tensor([1]),
    num_batches: tensor([1]),
  };
  const match = () =>
    matchWeights(graph.variables, tensors, names, { unused: (name) => name === 'num_batches' });
  expect(match).toThrow(
    /'conv.weight' is f32 \[1, 2\], its axes in the order 2, 3, 1, 0, where 'conv\/kernel' is f32/,
  );
  expect(match).toThrow(/'conv.bias' is missing/);
  expect(match).toThrow(/'more' is left over/);
  expect(match).not.toThrow(/num_batches/);
});

test('a tensor of another type is not taken', () => {
  const tensors = { 'conv.weight': weight, 'conv.bias': tensor(Int32Array.of(1, 2)) };
  expect(() => matchWeights(graph.variables, tensors, names)).toThrow(
    /'conv.bias' is i32 \[2\] where 'conv\/bias' is f32 \[2\]/,
  );
});
