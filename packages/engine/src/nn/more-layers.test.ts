import { expect, test } from 'vitest';
import type { Tensor } from '../index.ts';
import { Graph, losses, nn, optim, Pipeline, Session, Trainer, tensor } from '../index.ts';
import { drawn } from '../ops/finite-differences.fixture.ts';
import { numbers } from '../ops/operations.fixture.ts';

/** What a fresh layer makes of x, and the shape that the graph says it has. */
function applied(layer: nn.Layer, x: Tensor, training = false) {
  const graph = new Graph({ seed: 2 });
  const node = graph.placeholder('x', [null, ...x.shape.slice(1)]);
  const y = layer.apply(node, { training });
  const session = new Session(graph, { threads: 1 });
  const result = session.runSync({ x }, { y }).y;
  expect(y.shape.slice(1)).toEqual(result.shape.slice(1));
  return { y: numbers(result), shape: result.shape, variables: session.variables() };
}

const close = (got: readonly number[], wanted: readonly number[]) => {
  expect(got.length).toBe(wanted.length);
  got.forEach((value, i) => {
    expect(value).toBeCloseTo(wanted[i] as number, 4);
  });
};

const moments = (values: readonly number[]) => {
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  const square = values.reduce((sum, v) => sum + v * v, 0) / values.length;
  return { mean, square, variance: square - mean * mean };
};

test('normalisations without a batch make what they say of each sample', () => {
  const x = drawn([2, 3, 4, 2], 4);
  const instance = applied(nn.instanceNormalization({ epsilon: 1e-9 }), x).y;
  for (const [sample, channel] of [
    [0, 0],
    [1, 1],
  ] as const) {
    const own = instance.filter((_, i) => Math.floor(i / 24) === sample && i % 2 === channel);
    expect(moments(own).mean).toBeCloseTo(0, 4);
    expect(moments(own).variance).toBeCloseTo(1, 3);
  }
  const rms = applied(nn.rmsNormalization(), drawn([3, 8], 2)).y;
  expect(moments(rms.slice(8, 16)).square).toBeCloseTo(1, 4);
  const unit = applied(nn.unitNormalization(), tensor([3, 4, 0, 0], [2, 2])).y;
  close(unit, [0.6, 0.8, 0, 0]);
  const local = applied(
    nn.localResponseNormalization(3, { alpha: 3, beta: 1, bias: 1 }),
    tensor([1, 2, 3], [1, 3]),
  ).y;
  close(local, [1 / 6, 2 / 15, 3 / 14]);
});

test('a prelu begins with its slope and learns it, one for each channel or one for all', async () => {
  const x = tensor([-2, 4, 6, -8], [2, 2]);
  close(applied(nn.prelu({ slope: 0.5 }), x).y, [-1, 4, 6, -4]);
  expect(applied(nn.prelu({ shared: true }), x).variables['prelu/slope']?.shape).toEqual([1]);
  const graph = new Graph();
  const fed = graph.placeholder('x', [null, 2]);
  const y = nn.prelu().apply(fed, { training: true });
  const session = new Session(graph);
  const pipeline = new Pipeline({ columns: { x: { data: x.data, shape: [2] } }, batchSize: 2 });
  const loss = losses.meanSquaredError(y, graph.mul(fed, tensorNode(graph, [-1, 0])));
  const trainer = new Trainer(session, {
    pipeline,
    loss,
    optimizer: optim.sgd({ learningRate: 0.05 }),
  });
  await trainer.train({ untilStep: 300 });
  const slope = numbers(session.variables()['prelu/slope'] as Tensor);
  // Below 0 the target is -x in the first channel and 0 in the second.
  close(slope, [-1, 0]);
});

const tensorNode = (graph: Graph, values: number[]) => graph.constant(tensor(values));

test('volumes are convolved and pooled by layers', () => {
  const x = drawn([2, 4, 4, 4, 2], 6);
  const net = nn.sequential([
    nn.conv3d(6, 3, { padding: 'same', activation: 'relu' }),
    nn.maxPool3d(2),
    nn.conv3d(4, [2, 1, 1], { groups: 2 }),
  ]);
  const made = applied(net, x);
  expect(made.shape).toEqual([2, 1, 2, 2, 4]);
  expect(made.variables['conv3d/kernel']?.shape).toEqual([3, 3, 3, 2, 6]);
  expect(made.variables['conv3d_1/kernel']?.shape).toEqual([2, 1, 1, 3, 4]);
  const ones = tensor(
    new Float32Array(16).map((_, i) => i),
    [1, 2, 2, 2, 2],
  );
  close(applied(nn.globalAvgPool3d(), ones).y, [7, 8]);
  close(applied(nn.globalMaxPool3d(), ones).y, [14, 15]);
  close(applied(nn.avgPool3d(2), ones).y, [7, 8]);
});

test('borders are put around pictures and cut off, and blocks become channels and places again', () => {
  const x = tensor([1, 2, 3, 4], [1, 2, 2, 1]);
  close(
    applied(
      nn.padding2d([
        [1, 0],
        [0, 1],
      ]),
      x,
    ).y,
    [0, 0, 0, 1, 2, 0, 3, 4, 0],
  );
  close(applied(nn.padding2d([0, 1], { mode: 'reflect' }), x).y, [2, 1, 2, 1, 4, 3, 4, 3]);
  close(applied(nn.padding2d([0, 1], { mode: 'edge' }), x).y, [1, 1, 2, 2, 3, 3, 4, 4]);
  const wide = nn.sequential([nn.padding2d(2), nn.cropping2d(2)]);
  close(applied(wide, x).y, [1, 2, 3, 4]);
  const there = nn.sequential([nn.spaceToDepth(2), nn.depthToSpace(2)]);
  close(applied(there, drawn([1, 4, 4, 3], 1)).y, numbers(drawn([1, 4, 4, 3], 1)));
  expect(() => applied(nn.cropping2d(1), x)).toThrow('cropping2d: nothing is left of 2 x 2');
  expect(() => nn.padding2d(-1)).toThrow(/^padding2d: takes whole numbers of at least 0/);
});

test('noise is made in training alone', () => {
  const x = tensor(new Float32Array(20_000).fill(2), [20_000, 1]);
  for (const layer of [nn.gaussianNoise(0.5), nn.gaussianDropout(0.2)]) {
    expect(applied(layer, x).y.every((value) => value === 2)).toBe(true);
  }
  const added = moments(applied(nn.gaussianNoise(0.5), x, true).y);
  expect(added.mean).toBeCloseTo(2, 1);
  expect(added.variance).toBeCloseTo(0.25, 1);
  const multiplied = moments(applied(nn.gaussianDropout(0.2), x, true).y);
  expect(multiplied.mean).toBeCloseTo(2, 1);
  expect(multiplied.variance).toBeCloseTo(4 * 0.25, 1);
  expect(() => nn.gaussianNoise(-1)).toThrow(/the deviation must be at least 0/);
});
