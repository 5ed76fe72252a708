import { expect, test } from 'vitest';
import type { Node } from '../index.ts';
import { Graph, Session, tensor } from '../index.ts';
import { drawn, gradientError } from './finite-differences.fixture.ts';
import { compute, numbers } from './operations.fixture.ts';

/** Sums over all labels, one after the other: what an einsum means. */
function plain(
  equation: string,
  xs: readonly { shape: readonly number[]; data: ArrayLike<number> }[],
) {
  const [left = '', result = ''] = equation.split('->');
  const operands = left.split(',');
  const sizes = new Map<string, number>();
  operands.forEach((labels, i) => {
    [...labels].forEach((label, axis) => {
      sizes.set(label, xs[i]?.shape[axis] as number);
    });
  });
  const labels = [...sizes.keys()];
  const count = labels.reduce((n, label) => n * (sizes.get(label) as number), 1);
  const place = (of: string, at: Map<string, number>) =>
    [...of].reduce(
      (index, label) => index * (sizes.get(label) as number) + (at.get(label) as number),
      0,
    );
  const out = new Array<number>(
    [...result].reduce((n, label) => n * (sizes.get(label) as number), 1),
  ).fill(0);
  for (let i = 0; i < count; i += 1) {
    const at = new Map<string, number>();
    let rest = i;
    for (const label of labels) {
      at.set(label, rest % (sizes.get(label) as number));
      rest = Math.floor(rest / (sizes.get(label) as number));
    }
    const product = operands.reduce(
      (value, of, k) => value * Number(xs[k]?.data[place(of, at)]),
      1,
    );
    out[place(result, at)] = (out[place(result, at)] as number) + product;
  }
  return out;
}

const cases: [string, ...number[][]][] = [
  ['ij,jk->ik', [2, 3], [3, 4]],
  ['bij,bjk->bki', [2, 3, 4], [2, 4, 5]],
  ['ij->ji', [2, 3]],
  ['ii->', [4, 4]],
  ['bii->bi', [2, 3, 3]],
  ['ij,ij->i', [3, 4], [3, 4]],
  ['i,j->ij', [3], [4]],
  ['ijk->k', [2, 3, 4]],
  ['bqhd,bkhd->bhqk', [2, 3, 2, 4], [2, 5, 2, 4]],
  ['ij,jk,kl->il', [2, 3], [3, 4], [4, 2]],
  ['abc,cd,be->aed', [2, 3, 4], [4, 2], [3, 5]],
];

test.each(cases)('%s is what its sums say', (equation, ...shapes) => {
  const xs = shapes.map((shape, i) => drawn(shape, i + 1));
  const y = compute((g, ...nodes) => g.einsum(equation, ...nodes), ...xs);
  const wanted = plain(
    equation,
    xs.map((x) => ({ shape: x.shape, data: x.data as Float32Array })),
  );
  expect(numbers(y)).toHaveLength(wanted.length);
  numbers(y).forEach((value, i) => {
    expect(value).toBeCloseTo(wanted[i] as number, 4);
  });
  expect(gradientError((g, ...nodes) => g.einsum(equation, ...nodes), ...xs)).toBeLessThan(0.02);
});

test('an ellipsis stands for what has no label, and the batch may stay open', () => {
  const y = compute(
    (g, a, b) => g.einsum('...ij,jk->...ik', a, b),
    drawn([2, 5, 3, 4]),
    drawn([4, 2]),
  );
  expect(y.shape).toEqual([2, 5, 3, 2]);
  const graph = new Graph();
  const x = graph.placeholder('x', [null, 3]);
  const z = graph.einsum('bi,ij->bj', x, graph.constant(tensor([1, 0, 0, 1, 1, 1], [3, 2])));
  expect(z.shape).toEqual([null, 2]);
  const fed = new Session(graph).runSync({ x: tensor([1, 2, 3, 4, 5, 6], [2, 3]) }, { z });
  expect(numbers(fed.z)).toEqual([4, 5, 10, 11]);
  expect(compute((g, a) => g.einsum('ba', a), drawn([2, 3])).shape).toEqual([3, 2]);
});

test('what does not fit is said', () => {
  const of = (equation: string, ...xs: Parameters<typeof compute>[1][]) =>
    compute((g, ...nodes) => g.einsum(equation, ...(nodes as [Node])), ...xs);
  expect(() => of('ij,jk->ik', drawn([2, 3]), drawn([4, 2]))).toThrow(/'j' .* is both 3 and 4/);
  expect(() => of('ij->ik', drawn([2, 3]))).toThrow(/no operand .* has the label 'k'/);
  expect(() => of('ij', drawn([2, 3]), drawn([2, 3]))).toThrow(/names 1 operands, not 2/);
  expect(() => of('i1', drawn([2, 3]))).toThrow(/no equation/);
  expect(() => of('ijk->i', drawn([2, 3]))).toThrow(/does not fit \[2, 3\]/);
});
