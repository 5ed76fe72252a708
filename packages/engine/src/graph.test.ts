import { expect, test } from 'vitest';
import type { Node, Tensor } from './index.ts';
import { EngineError, engineInfo, Graph, nn, Session, tensor } from './index.ts';

function compute(build: (g: Graph, x: Node) => Node, x: Tensor): Tensor {
  const graph = new Graph();
  const input = graph.placeholder('x', [null, ...x.shape.slice(1)], x.dtype);
  return new Session(graph, { threads: 1 }).runSync({ x }, { y: build(graph, input) }).y;
}

function numbers(value: Tensor): number[] {
  return Array.from(value.data as Float32Array, Number);
}

test('the engine says what it is', () => {
  expect(engineInfo()).toMatchObject({
    version: '0.1.0',
    backend: expect.stringContaining('oneDNN'),
  });
});

test('elementwise methods broadcast and take numbers', () => {
  const x = tensor([-1, 0, 2, 4], [2, 2]);
  expect(numbers(compute((g, n) => g.add(g.mul(n, 2), 1), x))).toEqual([-1, 1, 5, 9]);
  expect(numbers(compute((g, n) => g.where(g.greater(n, 0), n, 0), x))).toEqual([0, 0, 2, 4]);
  expect(numbers(compute((g, n) => g.clamp(n, 0, 3), x))).toEqual([0, 0, 2, 3]);
  expect(compute((g, n) => g.lessEqual(n, 0), x)).toMatchObject({
    dtype: 'bool',
    data: Uint8Array.of(1, 1, 0, 0),
  });
  expect(numbers(compute((g, n) => g.sub(n, g.constant(tensor([1, 2]))), x))).toEqual([
    -2, -2, 1, 2,
  ]);
});

test('reductions, shapes and products', () => {
  const x = tensor([1, 2, 3, 4, 5, 6], [2, 3]);
  expect(numbers(compute((g, n) => g.sum(n, 1), x))).toEqual([6, 15]);
  expect(numbers(compute((g, n) => g.mean(n, 0), x))).toEqual([2.5, 3.5, 4.5]);
  expect(numbers(compute((g, n) => g.max(n), x))).toEqual([6]);
  expect(compute((g, n) => g.argmax(n), x)).toMatchObject({
    dtype: 'i32',
    data: Int32Array.of(2, 2),
  });
  expect(compute((g, n) => g.transpose(n), x)).toMatchObject({
    shape: [3, 2],
    data: Float32Array.of(1, 4, 2, 5, 3, 6),
  });
  expect(compute((g, n) => g.concat([n, n], 1), x).shape).toEqual([2, 6]);
  expect(numbers(compute((g, n) => g.slice(n, [0, 1], [-1, 2]), x))).toEqual([2, 3, 5, 6]);
  expect(numbers(compute((g, n) => g.matmul(n, n, { transposeB: true }), x))).toEqual([
    14, 32, 32, 77,
  ]);
  expect(numbers(compute((g, n) => g.expand(g.sum(n, 1, true), [null, 2]), x))).toEqual([
    6, 6, 15, 15,
  ]);
});

test('pictures are [N, H, W, C], and same padding keeps their size', () => {
  const picture = tensor(
    Float32Array.from({ length: 16 }, (_, i) => i),
    [1, 4, 4, 1],
  );
  const pooled = compute((g, n) => g.maxPool2d(n, { size: 2 }), picture);
  expect(pooled).toMatchObject({ shape: [1, 2, 2, 1], data: Float32Array.of(5, 7, 13, 15) });
  const ones = (g: Graph) => g.constant(tensor(new Float32Array(9).fill(1), [3, 3, 1, 1]));
  const same = compute((g, n) => g.conv2d(n, ones(g), undefined, { padding: 'same' }), picture);
  expect(same.shape).toEqual([1, 4, 4, 1]);
  expect(numbers(same)[5]).toBe(0 + 1 + 2 + 4 + 5 + 6 + 8 + 9 + 10);
  expect(numbers(same)[0]).toBe(0 + 1 + 4 + 5);
  expect(numbers(compute((g, n) => g.globalAvgPool2d(n), picture))).toEqual([7.5]);
  expect(
    numbers(compute((g, n) => g.avgPool2d(n, { size: 2, padding: 'same', stride: 3 }), picture)),
  ).toEqual([2.5, 5, 12.5, 15]);
});

test('integers stay exact, and dtypes must be named', () => {
  const big = tensor(BigInt64Array.of(9007199254740993n, -5n), [2]);
  const graph = new Graph();
  const x = graph.placeholder('x', [null], 'i64');
  const { twice } = new Session(graph).runSync({ x: big }, { twice: graph.add(x, x) });
  expect(twice.data).toEqual(BigInt64Array.of(18014398509481986n, -10n));
  expect(() => graph.exp(x)).toThrow(/does not take i64; cast to f32 first/);
  expect(() => graph.add(x, 0.5)).toThrow(EngineError);
});

test('gradients are nodes: they can be differentiated again', () => {
  const graph = new Graph();
  const x = graph.placeholder('x', [null]);
  const cube = graph.sum(graph.mul(graph.square(x), x));
  const first = graph.gradients(cube, [x])[0] as Node;
  const second = graph.gradients(graph.sum(first), [x])[0] as Node;
  const { a, b } = new Session(graph).runSync({ x: tensor([1, 2, 3]) }, { a: first, b: second });
  expect(numbers(a)).toEqual([3, 12, 27]);
  expect(numbers(b)).toEqual([6, 12, 18]);
});

test('mistakes are errors with a code and a sentence', async () => {
  const graph = new Graph();
  const x = graph.placeholder('x', [null, 3]);
  const session = new Session(graph);
  const attempt = (body: () => unknown) => {
    try {
      body();
    } catch (error) {
      return error instanceof EngineError ? error.code : error;
    }
    return 'nothing';
  };
  expect(attempt(() => graph.matmul(x, x))).toBe('shape_mismatch');
  expect(attempt(() => graph.placeholder('x', [1]))).toBe('invalid_graph');
  expect(attempt(() => graph.reshape(x, [7, 7, -1, -1]))).toBe('invalid_attribute');
  expect(attempt(() => graph.byName('y'))).toBe('unknown_name');
  expect(attempt(() => new Graph().neg(x))).toBe('invalid_graph');
  expect(attempt(() => tensor([1, 2], [3]))).toBe('shape_mismatch');
  expect(attempt(() => graph.dropout(x, 1))).toBe('invalid_attribute');
  expect(attempt(() => session.runSync({}, { x }))).toBe('invalid_feed');
  expect(attempt(() => session.runSync({ x: tensor([1, 2], [1, 2]) }, { x }))).toBe('invalid_feed');
  expect(attempt(() => session.runSync({ x: tensor([1, 2, 3], [1, 3], 'i32') }, { x }))).toBe(
    'invalid_feed',
  );
  const lying = { dtype: 'f32' as const, shape: [100, 3], data: new Float32Array(3) };
  expect(attempt(() => session.runSync({ x: lying }, { x }))).toBe('invalid_feed');
  await expect(session.run({ x: tensor([], [0, 3]) }, { x })).rejects.toMatchObject({
    code: 'invalid_feed',
  });
  session.close();
  expect(attempt(() => session.runSync({}, { x }))).toBe('closed');
});

test('dropout is the identity outside training and repeats itself for a step', () => {
  const graph = new Graph({ seed: 5 });
  const x = graph.placeholder('x', [null, 100]);
  const layer = nn.dropout(0.5);
  expect(layer.apply(x, { training: false })).toBe(x);
  const dropped = layer.apply(x, { training: true });
  const session = new Session(graph);
  const feeds = { x: tensor(new Float32Array(100).fill(1), [1, 100]) };
  const at = (step: number) => numbers(session.runSync(feeds, { dropped }, { step }).dropped);
  expect(at(3)).toEqual(at(3));
  expect(at(3)).not.toEqual(at(4));
  expect(new Set(at(3))).toEqual(new Set([0, 2]));
});

test('layers share their variables between training and inference', () => {
  const graph = new Graph();
  const x = graph.placeholder('x', [null, 8, 8, 3]);
  const model = nn.sequential([
    nn.conv2d(4, 3, { padding: 'same', activation: 'gelu' }),
    nn.batchNorm(),
    nn.avgPool(2),
    nn.globalAvgPool(),
    nn.dense(2),
  ]);
  model.apply(x, { training: true });
  const served = model.apply(x, { training: false });
  expect(graph.variables.map((info) => info.name)).toEqual([
    'conv2d/kernel',
    'conv2d/bias',
    'batch_norm/scale',
    'batch_norm/shift',
    'batch_norm/mean',
    'batch_norm/variance',
    'batch_norm/batches',
    'dense/weight',
    'dense/bias',
  ]);
  expect(served.shape).toEqual([null, 2]);
  expect(() =>
    model.apply(new Graph().placeholder('x', [null, 8, 8, 3]), { training: true }),
  ).toThrow(/another graph/);
});

test('a plan says what it needs', () => {
  const graph = new Graph();
  const x = graph.placeholder('x', [null, 64]);
  const y = nn
    .sequential([nn.dense(64, { activation: 'relu' }), nn.dense(8)])
    .apply(x, { training: false });
  const report = new Session(graph).planReport({ x: [32, 64] }, { y });
  expect(report.steps).toEqual(['pack', 'dense+relu', 'pack', 'dense']);
  expect(report.arenaBytes).toBeGreaterThanOrEqual(32 * 72 * 4);
  expect(report.arenaBytes).toBeLessThan(1e6);
});
