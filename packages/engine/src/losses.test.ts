import { expect, test } from 'vitest';
import type { Graph, Node } from './index.ts';
import { losses, tensor } from './index.ts';
import { compute } from './ops/operations.fixture.ts';

const logits = tensor([1, 2, 0.5, -1, 0, 3], [2, 3]);
const labels = tensor(Int32Array.of(1, 2));
const soft = tensor([0.1, 0.7, 0.2, 0.3, 0.3, 0.4], [2, 3]);

function loss(
  build: (g: Graph, ...inputs: Node[]) => Node,
  ...inputs: Parameters<typeof compute>[1][]
): number {
  return (compute(build, ...inputs).data as Float32Array)[0] ?? Number.NaN;
}
function logSoftmax(row: readonly number[]): number[] {
  const norm = Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0));
  return row.map((value) => value - norm);
}
const logs = [logSoftmax([1, 2, 0.5]), logSoftmax([-1, 0, 3])] as const;
const dot = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);

test('cross-entropy of labels: smoothing, class weights, sample weights', () => {
  const sparse = (options: Parameters<typeof losses.softmaxCrossEntropy>[2]) =>
    loss((_, x, y) => losses.softmaxCrossEntropy(x as Node, y as Node, options), logits, labels);
  const hard = [-(logs[0][1] ?? 0), -(logs[1][2] ?? 0)] as const;
  expect(sparse({})).toBeCloseTo((hard[0] + hard[1]) / 2, 5);
  const even = logs.map((row) => -dot(row, [1 / 3, 1 / 3, 1 / 3]));
  const smooth = hard.map((value, i) => 0.9 * value + 0.1 * (even[i] ?? 0));
  expect(sparse({ labelSmoothing: 0.1 })).toBeCloseTo(((smooth[0] ?? 0) + (smooth[1] ?? 0)) / 2, 5);
  expect(sparse({ classWeights: [1, 2, 3] })).toBeCloseTo((2 * hard[0] + 3 * hard[1]) / 2, 5);
  // Both at once, as PyTorch has it: the even part counts each class by its weight.
  const weighted = logs.map((row) => -dot(row, [1 / 3, 2 / 3, 1]));
  const both = 0.9 * (2 * hard[0] + 3 * hard[1]) + 0.1 * ((weighted[0] ?? 0) + (weighted[1] ?? 0));
  expect(sparse({ classWeights: [1, 2, 3], labelSmoothing: 0.1 })).toBeCloseTo(both / 2, 5);
  const rows = loss(
    (_, x, y, w) => losses.softmaxCrossEntropy(x as Node, y as Node, { sampleWeights: w as Node }),
    logits,
    labels,
    tensor([2, 0]),
  );
  expect(rows).toBeCloseTo(hard[0], 5);
  expect(() => sparse({ labelSmoothing: 1 })).toThrow(/labelSmoothing/);
});

test('cross-entropy of soft targets, from logits and from probabilities', () => {
  const wanted = -(dot(logs[0], [0.1, 0.7, 0.2]) + dot(logs[1], [0.3, 0.3, 0.4])) / 2;
  const of = (fromLogits: boolean) =>
    loss(
      (g, x, t) =>
        losses.categoricalCrossentropy(fromLogits ? (x as Node) : g.softmax(x as Node), t as Node, {
          fromLogits,
        }),
      logits,
      soft,
    );
  expect(of(true)).toBeCloseTo(wanted, 5);
  expect(of(false)).toBeCloseTo(wanted, 5);
});

test('binary cross-entropy holds for large logits, smooths, and weighs the positive', () => {
  const x = tensor([0.5, -100, 100], [3]);
  const t = tensor([1, 1, 0], [3]);
  const softplus = (value: number) => Math.max(value, 0) + Math.log1p(Math.exp(-Math.abs(value)));
  const of = (options: object) =>
    loss((_, a, b) => losses.sigmoidCrossEntropy(a as Node, b as Node, options), x, t);
  expect(of({})).toBeCloseTo((softplus(-0.5) + 200) / 3, 4);
  expect(of({ positiveWeight: 3 })).toBeCloseTo((3 * softplus(-0.5) + 300 + 100) / 3, 4);
  expect(of({ labelSmoothing: 0.2 })).toBeCloseTo(
    (softplus(0.5) - 0.45 + (0 + 90) + (100 - 10)) / 3,
    4,
  );
  const p = loss(
    (g, a, b) => losses.binaryCrossentropy(g.sigmoid(a as Node), b as Node, { fromLogits: false }),
    tensor([0.5]),
    tensor([1]),
  );
  expect(p).toBeCloseTo(softplus(-0.5), 5);
});

test('losses of regression and margins', () => {
  const x = tensor([1, -2, 3], [3]);
  const t = tensor([0, -1.5, 0], [3]);
  const of = (name: 'meanAbsoluteError' | 'huber' | 'logCosh') =>
    loss((_, a, b) => losses[name](a as Node, b as Node), x, t);
  expect(of('meanAbsoluteError')).toBeCloseTo(4.5 / 3, 6);
  expect(of('huber')).toBeCloseTo((0.5 + 0.125 + 2.5) / 3, 6);
  const cosh = [1, -0.5, 3].reduce((sum, d) => sum + Math.log(Math.cosh(d)), 0);
  expect(of('logCosh')).toBeCloseTo(cosh / 3, 5);
  const signs = tensor([1, 1, -1], [3]);
  const margin = (name: 'hinge' | 'squaredHinge') =>
    loss((_, a, b) => losses[name](a as Node, b as Node), x, signs);
  expect(margin('hinge')).toBeCloseTo((0 + 3 + 4) / 3, 6);
  expect(margin('squaredHinge')).toBeCloseTo((9 + 16) / 3, 5);
  const hot = tensor([0, 1, 0, 0, 0, 1], [2, 3]);
  const categorical = loss((_, a, b) => losses.categoricalHinge(a as Node, b as Node), logits, hot);
  expect(categorical).toBeCloseTo((0 + 0) / 2, 6);
  const counts = loss((_, a, b) => losses.poisson(a as Node, b as Node), tensor([2]), tensor([3]));
  expect(counts).toBeCloseTo(2 - 3 * Math.log(2), 5);
});

test('divergence and similarity of rows', () => {
  const p = tensor([0.2, 0.8], [1, 2]);
  const t = tensor([0.5, 0.5], [1, 2]);
  const kl = loss((_, a, b) => losses.klDivergence(a as Node, b as Node), p, t);
  expect(kl).toBeCloseTo(0.5 * Math.log(0.5 / 0.2) + 0.5 * Math.log(0.5 / 0.8), 5);
  const cosine = loss((_, a, b) => losses.cosineSimilarity(a as Node, b as Node), p, t);
  expect(cosine).toBeCloseTo(-1 / Math.hypot(0.2, 0.8) / Math.hypot(0.5, 0.5) / 2, 5);
});

test('targets of another shape are refused before they broadcast', () => {
  expect(() =>
    loss(
      (_, a, b) => losses.meanSquaredError(a as Node, b as Node),
      tensor([1, 2], [2, 1]),
      tensor([1, 2], [2]),
    ),
  ).toThrow(/predictions of \[2, 1\] need targets of the same shape, not \[2\]/);
});
