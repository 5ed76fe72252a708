import { expect, test } from 'vitest';
import type { Node, Tensor } from '../index.ts';
import { Graph, nn, Session, tensor } from '../index.ts';

function compute(build: (x: Node) => Node, x: Tensor): Tensor {
  const graph = new Graph({ seed: 1 });
  const input = graph.placeholder('x', [null, ...x.shape.slice(1)], x.dtype);
  return new Session(graph, { threads: 1 }).runSync({ x }, { y: build(input) }).y;
}

const training = { training: true };
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

const range = (count: number, shape: readonly number[]) =>
  tensor(
    Float32Array.from({ length: count }, (_, i) => i + 1),
    shape,
  );

function filled(x: Node, shape: readonly number[], value = 1): Node {
  const count = shape.reduce((product, dim) => product * dim, 1);
  return x.graph.constant(tensor(new Float32Array(count).fill(value), shape));
}

test('a sequence convolves along its length; causal padding sees nothing of the future', () => {
  const x = range(4, [1, 4, 1]);
  const along = (options: object) =>
    compute((n) => n.graph.conv1d(n, filled(n, [3, 1, 1]), undefined, options), x);
  expect(numbers(along({}))).toEqual([6, 9]);
  expect(numbers(along({ padding: 'same' }))).toEqual([3, 6, 9, 7]);
  expect(numbers(along({ padding: 'causal' }))).toEqual([1, 3, 6, 9]);
  expect(numbers(along({ padding: 'causal', dilation: 2 }))).toEqual([1, 2, 4, 6]);
  expect(numbers(along({ padding: [1, 0], stride: 2 }))).toEqual([3, 9]);
  expect(() => compute((n) => n.graph.conv1d(n, filled(n, [3, 1, 1])), range(4, [2, 2]))).toThrow(
    /conv1d: takes \[N, L, C\], not \[batch, 2\]/,
  );
});

test('depthwise and separable convolutions keep channels apart', () => {
  const x = range(8, [1, 2, 2, 2]);
  const depthwise = compute((n) => {
    const kernel = n.graph.constant(tensor([1, 10, 1, 10, 1, 10, 1, 10], [2, 2, 2, 1]));
    return n.graph.depthwiseConv2d(n, kernel);
  }, x);
  expect(depthwise).toMatchObject({ shape: [1, 1, 1, 2], data: Float32Array.of(16, 200) });
  const separable = compute(
    (n) => n.graph.separableConv2d(n, filled(n, [2, 2, 2, 3]), filled(n, [1, 1, 6, 1])),
    x,
  );
  expect(numbers(separable)).toEqual([3 * 36]);
});

test('a transposed convolution has the sizes of Keras and spreads each pixel', () => {
  const x = range(4, [1, 2, 2, 1]);
  const spread = compute(
    (n) => n.graph.conv2dTranspose(n, filled(n, [2, 2, 1, 1]), undefined, { stride: 2 }),
    x,
  );
  expect(numbers(spread)).toEqual([1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4]);
  const size = (options: object, kernel: number) => {
    const graph = new Graph();
    const input = graph.placeholder('x', [null, 4, 4, 2]);
    return nn.conv2dTranspose(3, kernel, options).apply(input, training).shape;
  };
  expect(size({ stride: 2 }, 3)).toEqual([null, 9, 9, 3]);
  expect(size({ stride: 2, padding: 'same' }, 3)).toEqual([null, 8, 8, 3]);
  expect(size({ stride: 3 }, 2)).toEqual([null, 12, 12, 3]);
  expect(size({ stride: 3, padding: 'same' }, 2)).toEqual([null, 12, 12, 3]);
  expect(size({ stride: 2, padding: 'same', outputPadding: 0 }, 3)).toEqual([null, 8, 8, 3]);
  expect(size({ stride: 2, padding: [1, 1, 1, 1], outputPadding: 1 }, 3)).toEqual([null, 8, 8, 3]);
  expect(size({ dilation: 2 }, 3)).toEqual([null, 8, 8, 3]);
  expect(() => size({ stride: 2, padding: [1, 1, 1, 1], outputPadding: 2 }, 3)).toThrow(
    /conv2d_grad_input: with these sizes/,
  );
  const line = compute(
    (n) => n.graph.conv1dTranspose(n, filled(n, [2, 1, 1]), undefined, { stride: 1 }),
    range(3, [1, 3, 1]),
  );
  expect(numbers(line)).toEqual([1, 3, 5, 3]);
});

test('sequences pool along their length', () => {
  const x = range(8, [1, 4, 2]);
  expect(numbers(compute((n) => nn.maxPool1d(2).apply(n, training), x))).toEqual([3, 4, 7, 8]);
  const average = compute((n) => nn.avgPool1d(2, { stride: 1 }).apply(n, training), x);
  expect(average).toMatchObject({ shape: [1, 3, 2], data: Float32Array.of(2, 3, 4, 5, 6, 7) });
  expect(numbers(compute((n) => nn.globalMaxPool1d().apply(n, training), x))).toEqual([7, 8]);
  expect(numbers(compute((n) => nn.globalAvgPool1d().apply(n, training), x))).toEqual([4, 5]);
});

test('pictures grow by repeating or by interpolating between half-pixel centres', () => {
  const x = tensor([1, 3], [1, 1, 2, 1]);
  const up = (options: object) =>
    compute((n) => nn.upsampling2d([1, 2], options).apply(n, training), x);
  expect(numbers(up({}))).toEqual([1, 1, 3, 3]);
  expect(numbers(up({ interpolation: 'bilinear' }))).toEqual([1, 1.5, 2.5, 3]);
  const corners = compute((n) => n.graph.resize2d(n, [1, 5], { alignCorners: true }), x);
  expect(numbers(corners)).toEqual([1, 1.5, 2, 2.5, 3]);
});

test('spatial dropout drops whole channels', () => {
  const ones = tensor(new Float32Array(2 * 9 * 32).fill(1), [2, 3, 3, 32]);
  const y = numbers(compute((n) => nn.spatialDropout2d(0.5).apply(n, training), ones));
  for (let picture = 0; picture < 2; picture += 1) {
    for (let channel = 0; channel < 32; channel += 1) {
      const places = Array.from({ length: 9 }, (_, p) => y[(picture * 9 + p) * 32 + channel]);
      expect(new Set(places).size).toBe(1);
    }
  }
  expect(new Set(y)).toEqual(new Set([0, 2]));
});

test('a convolution can be differentiated twice', () => {
  const graph = new Graph({ seed: 1 });
  const x = graph.placeholder('x', [null, 3, 3, 1]);
  const y = graph.sum(graph.square(graph.conv2d(x, filled(x, [2, 2, 1, 1]))));
  const [first] = graph.gradients(y, [x]) as [Node];
  const [second] = graph.gradients(graph.sum(graph.square(first)), [x]) as [Node];
  const { a } = new Session(graph).runSync({ x: range(9, [1, 3, 3, 1]) }, { a: second });
  // With A the convolution as a matrix, the gradient of |2 A^T A x|^2 is 8 (A^T A)^2 x.
  const gram = (v: readonly number[]) => {
    const at = (r: number, c: number) => v[r * 3 + c] ?? 0;
    const out = Array.from({ length: 9 }, () => 0);
    for (const r of [0, 1])
      for (const c of [0, 1]) {
        const sum = at(r, c) + at(r, c + 1) + at(r + 1, c) + at(r + 1, c + 1);
        for (const i of [0, 1, 3, 4]) out[r * 3 + c + i] = (out[r * 3 + c + i] ?? 0) + sum;
      }
    return out;
  };
  const wanted = gram(gram(Array.from({ length: 9 }, (_, i) => i + 1))).map((value) => 8 * value);
  expect(numbers(a)).toEqual(wanted);
});
