import { expect, test } from 'vitest';
import type { Graph, Node } from '../index.ts';
import { tensor } from '../index.ts';
import { drawn, gradientError } from './finite-differences.fixture.ts';
import { compute, numbers } from './operations.fixture.ts';

const close = (got: readonly number[], wanted: readonly number[], digits = 4) => {
  expect(got).toHaveLength(wanted.length);
  got.forEach((value, i) => {
    expect(value).toBeCloseTo(wanted[i] as number, digits);
  });
};

test('norms of any order, whose gradient at zeros is 0', () => {
  const x = tensor([3, -4, 0, 0], [2, 2]);
  const of = (order: number) => numbers(compute((g, n) => g.norm(n, order, -1), x));
  close(of(2), [5, 0]);
  close(of(1), [7, 0]);
  close(of(Number.POSITIVE_INFINITY), [4, 0]);
  close(of(3), [91 ** (1 / 3), 0]);
  expect(compute((g, n) => g.norm(n, 2, 0, true), x).shape).toEqual([1, 2]);
  for (const order of [1, 1.5, 2, 3]) {
    const flat = compute((g, n) => g.gradients(g.sum(g.norm(n, order, -1)), [n])[0] as Node, x);
    expect(numbers(flat).slice(2)).toEqual([0, 0]);
    expect(gradientError((g, n) => g.norm(n, order, 1), drawn([3, 5]))).toBeLessThan(0.02);
  }
  expect(() => of(-1)).toThrow(/above 0/);
});

test('instance and root-mean-square normalisation', () => {
  const x = drawn([2, 3, 2, 4], 5);
  const [scale, shift] = [tensor([1, 2, 3, 4]), tensor([0, 1, 0, -1])];
  const y = numbers(
    compute((g, n, s, t) => g.instanceNorm(n, s, t, { epsilon: 1e-5 }), x, scale, shift),
  );
  const data = numbers(x);
  for (const n of [0, 1]) {
    for (const c of [0, 3]) {
      const at = Array.from({ length: 6 }, (_, i) => (n * 6 + i) * 4 + c);
      const mean = at.reduce((sum, i) => sum + (data[i] as number), 0) / 6;
      const variance = at.reduce((sum, i) => sum + ((data[i] as number) - mean) ** 2, 0) / 6;
      const of = (i: number) =>
        (((data[i] as number) - mean) / Math.sqrt(variance + 1e-5)) * (c + 1) - (c === 3 ? 1 : 0);
      close(
        at.map((i) => y[i] as number),
        at.map(of),
        3,
      );
    }
  }
  const rms = numbers(
    compute((g, n, s) => g.rmsNorm(n, s), tensor([3, 4, 0, 1], [2, 2]), tensor([1, 2])),
  );
  close(rms, [3 / Math.sqrt(12.5), 8 / Math.sqrt(12.5), 0, 2 * Math.SQRT2], 3);
  expect(
    gradientError((g, n, s) => g.rmsNorm(n, s), drawn([3, 4]), tensor([1, 2, 1, 3])),
  ).toBeLessThan(0.02);
  expect(gradientError((g, n, s, t) => g.instanceNorm(n, s, t), x, scale, shift)).toBeLessThan(
    0.03,
  );
});

test('local response normalisation divides by what the neighbouring channels say', () => {
  const x = drawn([2, 7], 3, 0.5, 2);
  const [alpha, beta, bias] = [0.7, 0.75, 1.5];
  for (const size of [1, 2, 3, 5, 20]) {
    const y = compute((g, n) => g.localResponseNorm(n, { size, alpha, beta, bias }), x);
    const data = numbers(x);
    const wanted = data.map((value, i) => {
      const [row, c] = [Math.floor(i / 7) * 7, i % 7];
      let total = 0;
      for (let k = c - Math.floor((size - 1) / 2); k <= c + Math.ceil((size - 1) / 2); k += 1) {
        if (k >= 0 && k < 7) total += (data[row + k] as number) ** 2;
      }
      return value / (bias + (alpha / size) * total) ** beta;
    });
    close(numbers(y), wanted);
  }
  const build = (g: Graph, n: Node) => g.localResponseNorm(n, { size: 3, alpha, bias });
  expect(gradientError(build, x)).toBeLessThan(0.02);
  expect(() => compute((g, n) => g.localResponseNorm(n, { size: 0 }), x)).toThrow(/at least 1/);
});

test('activations follow their formulas', () => {
  const values = [-2, -0.5, 0.3, 1.5];
  const x = tensor(values);
  const softplus = (v: number) => Math.log1p(Math.exp(v));
  close(
    numbers(compute((g, n) => g.mish(n), x)),
    values.map((v) => v * Math.tanh(softplus(v))),
  );
  close(
    numbers(compute((g, n) => g.softsign(n), x)),
    values.map((v) => v / (1 + Math.abs(v))),
  );
  close(
    numbers(compute((g, n) => g.selu(n), x)),
    values.map((v) => 1.0507009873554805 * (v > 0 ? v : 1.6732632423543772 * Math.expm1(v))),
  );
  const slopes = tensor([0.1, 0.2, 0.3, 0.4]);
  close(numbers(compute((g, n, s) => g.prelu(n, s), x, slopes)), [-0.2, -0.1, 0.3, 1.5]);
  for (const name of ['mish', 'softsign', 'selu'] as const) {
    expect(gradientError((g, n) => g[name](n), x)).toBeLessThan(0.01);
  }
  expect(gradientError((g, n, s) => g.prelu(n, s), drawn([3, 4]), slopes)).toBeLessThan(0.01);
});
