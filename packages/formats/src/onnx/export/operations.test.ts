import type { Node, Tensor } from '@vanda/engine';
import { defineOperation, Graph, Session, tensor } from '@vanda/engine';
import { expect, test } from 'vitest';
import { largestDifference } from '../golden.fixture.ts';
import { importOnnx } from '../import-onnx.ts';
import { exportOnnx } from './onnx-exporters.ts';
import { OnnxRuntime } from './onnx-runtime.ts';

type Make = (g: Graph, x: Node, sequence: Node, indices: Node) => Node;

const ramp = (shape: number[], scale = 1): Tensor => {
  const count = shape.reduce((product, dim) => product * dim, 1);
  const data = Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.7 + 0.3) * scale);
  return tensor(data, shape);
};
const weight = (g: Graph, name: string, shape: number[]) =>
  g.variable(name, shape, ramp(shape, 0.5));
const known = (g: Graph, shape: number[]) => g.constant(ramp(shape));

const gate = defineOperation({
  name: 'tests/gate',
  forward: (g, a: Node, b: Node) => [g.mul(a, g.sigmoid(b)), g.relu(b)],
});

/** What the goldens of other makers do not come across: x [N, 6, 5, 4], a sequence [N, 7, 6], indices [N, 3]. */
const cases: Record<string, Make> = {
  activations: (g, x) =>
    [
      g.elu(x, 0.7),
      g.leakyRelu(x, 0.2),
      g.softplus(x),
      g.hardSigmoid(x),
      g.gelu(x, { approximate: true }),
      g.log1p(g.abs(x)),
      g.expm1(x),
      g.clamp(x, -0.3, 0.4),
      g.trunc(g.mul(x, 3)),
      g.round(g.mul(x, 5)),
      g.rsqrt(g.add(g.square(x), 1)),
      g.mod(x, 0.3),
      g.sign(x),
      g.tan(x),
    ].reduce((sum, y) => g.add(sum, y)),
  comparisons: (g, x) =>
    g.where(g.logicalAnd(g.greaterEqual(x, -0.5), g.notEqual(x, 0)), x, g.neg(x)),
  'a vector beside channels-first pictures': (g, x) =>
    g.pow(
      g.abs(g.mul(g.conv2d(x, weight(g, 'k', [3, 3, 4, 8])), known(g, [8]))),
      g.abs(known(g, [1, 3, 8])),
    ),
  'same padding and strides': (g, x) =>
    g.conv2d(x, weight(g, 'k', [4, 3, 4, 5]), weight(g, 'b', [5]), {
      padding: 'same',
      stride: [2, 3],
    }),
  'transposed, explicit and cut': (g, x) =>
    g.conv2dTranspose(x, weight(g, 'k', [3, 3, 5, 4]), undefined, { stride: 2, padding: 'same' }),
  pools: (g, x) =>
    g.concat(
      [
        g.maxPool2d(x, { size: 3, stride: 2, padding: 'same' }),
        g.avgPool2d(x, { size: 3, stride: 2, padding: 'same' }),
      ],
      -1,
    ),
  'pools of pictures with a border of zeros': (g, x) => {
    const low = g.sub(g.conv2d(x, weight(g, 'k', [1, 1, 4, 4])), 5);
    const border: [number, number][] = [
      [0, 0],
      [1, 1],
      [1, 1],
      [0, 0],
    ];
    return g.concat(
      [
        g.maxPool2d(g.pad(low, border), { size: 3, stride: 2 }),
        g.avgPool2d(g.pad(low, border), { size: 3, stride: 2 }),
        g.maxPool2d(g.pad(g.neg(low), border, -9), { size: 3, stride: 2 }),
      ],
      -1,
    );
  },
  'resized to corners': (g, x) => g.resize2d(x, [9, 11], { alignCorners: true }),
  'resized to the nearest': (g, x) => g.resize2d(x, [9, 11], { method: 'nearest' }),
  'group norm': (g, x) =>
    g.groupNorm(x, weight(g, 's', [4]), weight(g, 't', [4]), { groups: 2, epsilon: 1e-3 }),
  'variance and sums': (g, x) =>
    g.add(
      g.variance(x, [1, 2], { correction: 1 }),
      g.add(g.logSumExp(x, [2, 1]), g.prod(x, [1, 2])),
    ),
  'first and last places': (g, x) =>
    g.cast(g.add(g.argmax(g.relu(x), -1), g.argmin(g.transpose(x, [0, 3, 1, 2]), 1)), 'f32'),
  'all and any': (g, x) =>
    g.cast(g.logicalOr(g.any(g.greater(x, 0.9), [1, 2]), g.all(g.less(x, 0.99), [1, 2])), 'f32'),
  'slices and borders': (g, x) =>
    g.pad(
      g.stridedSlice(x, [null, [1, -1], [null, null, -2]]),
      [
        [0, 0],
        [1, 0],
        [0, 2],
        [1, 1],
      ],
      2,
    ),
  'running sums': (g, x) => g.cumsum(g.flip(x, 2), 2, { exclusive: true, reverse: true }),
  'the greatest': (g, x) => {
    const { values, indices } = g.topK(x, 2);
    return g.mul(values, g.cast(indices, 'f32'));
  },
  'in order': (g, x) => {
    const { values, indices } = g.sort(x, 2, { descending: true });
    return g.add(values, g.mul(g.cast(indices, 'f32'), g.sort(x, 1).values));
  },
  'read between pixels': (g, x) => {
    const grid = g.mul(g.stridedSlice(x, [null, null, null, [0, 2]]), 1.2);
    return g.add(
      g.gridSample(x, grid),
      g.gridSample(x, grid, { padding: 'border', alignCorners: true }),
    );
  },
  'added where places say': (g, x) => {
    const places = g.constant(tensor([0, 1, 5, 3, 2, 4, 0, 1], [4, 2], 'i32'));
    return g.add(g.scatterNd(places, known(g, [4, 4]), [6, 5, 4]), x);
  },
  'volumes and einsum': (g, x) => {
    const volume = g.conv3d(
      g.expandDims(x, 1),
      weight(g, 'v', [1, 2, 3, 4, 3]),
      weight(g, 'c', [3]),
    );
    return g.einsum('nhwc,cd->nhd', g.squeeze(volume, 1), known(g, [3, 2]));
  },
  'rows of tables': (g, x, _, indices) =>
    g.concat(
      [
        g.embeddingBag(weight(g, 'table', [9, 6]), indices, { mode: 'mean', padding: 2 }),
        g.sum(g.gather(weight(g, 'other', [9, 6]), indices), 1),
        g.mean(g.oneHot(indices, 9), 1),
        g.take(g.mean(x, [1, 2]), g.constant(tensor([3, 0], [2], 'i32')), 1),
      ],
      1,
    ),
  lstm: (g, _, sequence) => {
    const { y, h, c } = g.lstm(
      sequence,
      weight(g, 'w', [6, 20]),
      weight(g, 'u', [5, 20]),
      weight(g, 'b', [20]),
    );
    return g.concat([g.mean(y, 1), h, c], 1);
  },
  'gru backwards': (g, _, sequence) => {
    const bias = weight(g, 'b', [2, 15]);
    const { y, h } = g.gru(sequence, weight(g, 'w', [6, 15]), weight(g, 'u', [5, 15]), bias, {
      reverse: true,
    });
    return g.concat([g.mean(y, 1), h], 1);
  },
  'a defined operation, in a block that training computes again': (g, x) => {
    const halves = g.split(x, 2, -1) as [Node, Node];
    const [gated, open] = g.recompute(() => gate(...halves)) as [Node, Node];
    return g.add(gated, open);
  },
  'attention of heads, causal': (g, _, sequence) =>
    g.attention(sequence, sequence, g.relu(sequence), { heads: 2, causal: true }),
  'attention with a mask': (g, _, sequence) => {
    const mask = g.greater(g.sum(sequence, 2), 0);
    const packed = g.dense(sequence, weight(g, 'qkv', [6, 18]));
    return g.selfAttention(packed, { heads: 3, mask });
  },
};

test.for(Object.keys(cases))('%s: ONNX Runtime and another import give the same', async (name) => {
  const graph = new Graph();
  const x = graph.placeholder('x', [null, 6, 5, 4]);
  const sequence = graph.placeholder('sequence', [null, 7, 6]);
  const indices = graph.placeholder('indices', [null, 3], 'i32');
  const y = (cases[name] as Make)(graph, x, sequence, indices);
  const all: Record<string, [Node, Tensor]> = {
    x: [x, ramp([2, 6, 5, 4])],
    sequence: [sequence, ramp([2, 7, 6])],
    indices: [indices, tensor([1, 2, 8, 2, 2, 2], [2, 3], 'i32')],
  };
  const bytes = await exportOnnx({
    graph,
    inputs: Object.fromEntries(Object.entries(all).map(([key, [node]]) => [key, node])),
    outputs: { y },
  });
  const feeds = Object.fromEntries(Object.entries(all).map(([key, [, value]]) => [key, value]));
  const wanted = (await new Session(graph, { threads: 1 }).run(feeds, { y })).y;
  const runtime = await OnnxRuntime.open(bytes);
  const given = (await runtime.run(feeds)).y as Tensor;
  await runtime.close();
  expect(largestDifference(given, wanted)).toBeLessThan(1e-4);
  const again = await importOnnx(bytes);
  const session = new Session(again.graph, { threads: 1 });
  const repeated = (await session.run(feeds, again.outputs)).y as Tensor;
  expect(largestDifference(repeated, wanted), 'imported again').toBeLessThan(1e-4);
});
