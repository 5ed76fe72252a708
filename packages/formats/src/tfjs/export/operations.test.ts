import type { Node, Tensor } from '@vanda/engine';
import { Graph, Session, tensor } from '@vanda/engine';
import { expect, test } from 'vitest';
import { importTfjsLayers } from '../layers-model.ts';
import { largestDifference } from '../tensorflow.fixture.ts';
import { TensorflowRuntime } from './tensorflow-runtime.ts';
import { exportTfjsLayers } from './tfjs-exporter.ts';

type Make = (g: Graph, x: Node, sequence: Node, indices: Node) => Node;

const ramp = (shape: number[], scale = 1): Tensor => {
  const count = shape.reduce((product, dim) => product * dim, 1);
  const data = Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.7 + 0.3) * scale);
  return tensor(data, shape);
};
const weight = (g: Graph, name: string, shape: number[]) =>
  g.variable(name, shape, ramp(shape, 0.5));
const known = (g: Graph, shape: number[]) => g.constant(ramp(shape));

/** x [N, 6, 5, 4], a sequence [N, 7, 6], indices [N, 3]; what they give in the engine is right by the engine's own tests. */
const cases: Record<string, Make> = {
  'activations of one layer': (g, x) =>
    [
      g.relu(x),
      g.relu6(g.mul(x, 9)),
      g.elu(x, 0.7),
      g.selu(x),
      g.leakyRelu(x, 0.2),
      g.sigmoid(x),
      g.tanh(x),
      g.softplus(x),
      g.softsign(x),
      g.silu(x),
      g.mish(x),
      g.gelu(x),
      g.gelu(x, { approximate: true }),
    ].reduce((sum, y) => g.add(sum, y)),
  'activations of several layers': (g, x) =>
    [
      g.hardSigmoid(g.mul(x, 4)),
      g.hardSwish(g.mul(x, 4)),
      g.clamp(x, -0.3, 0.4),
      g.clamp(x, 0, 0.4),
      g.abs(x),
      g.square(x),
      g.neg(x),
      g.maximum(x, 0.2),
      g.minimum(x, known(g, [4])),
      g.prelu(x, weight(g, 'slope', [4])),
    ].reduce((sum, y) => g.add(sum, y)),
  'softmax of channels and of rows': (g, x) =>
    g.concat([g.concat([g.softmax(x)], -1), g.softmax(x, 1), g.logSoftmax(x)], -1),
  'numbers for all, for channels, for places': (g, x) =>
    g.sub(1, g.div(g.add(g.mul(g.sub(x, known(g, [4])), 3), known(g, [6, 1, 4])), known(g, [4]))),
  'two branches': (g, x) => {
    const [a, b] = [g.relu(x), g.sigmoid(x)];
    return [g.mul(a, b), g.sub(a, b), g.maximum(a, b), g.minimum(a, b)].reduce((s, y) =>
      g.add(s, y),
    );
  },
  'squeeze and excite': (g, x) => {
    const share = g.dense(g.mean(x, [1, 2], true), weight(g, 'w', [4, 4]), weight(g, 'b', [4]));
    return g.mul(x, g.sigmoid(share));
  },
  'a convolution and its normalisation': (g, x) =>
    g.relu(
      g.batchNorm(
        g.conv2d(x, weight(g, 'k', [3, 3, 4, 5]), weight(g, 'b', [5]), {
          padding: 'same',
          stride: [2, 1],
        }),
        weight(g, 'scale', [5]),
        weight(g, 'shift', [5]),
        weight(g, 'mean', [5]),
        g.abs(weight(g, 'variance', [5])),
      ),
    ),
  'a convolution that is read twice': (g, x) => {
    const y = g.conv2d(x, weight(g, 'k', [1, 1, 4, 4]));
    return g.add(g.relu(y), g.mul(y, known(g, [4])));
  },
  'channels by themselves': (g, x) =>
    g.mul(
      g.depthwiseConv2d(x, weight(g, 'k', [3, 3, 4, 2]), weight(g, 'b', [8]), {
        padding: [1, 0, 2, 1],
      }),
      known(g, [8]),
    ),
  'groups of channels, with dilation': (g, x) =>
    g.conv2d(x, weight(g, 'k', [2, 2, 2, 6]), weight(g, 'b', [6]), { groups: 2, dilation: 2 }),
  'convolution of a sequence': (g, _, sequence) =>
    g.conv1d(sequence, weight(g, 'k', [3, 6, 5]), weight(g, 'b', [5]), { padding: 'causal' }),
  'transposed, same': (g, x) =>
    g.conv2dTranspose(x, weight(g, 'k', [3, 3, 5, 4]), weight(g, 'b', [5]), {
      stride: 2,
      padding: 'same',
    }),
  'transposed, explicit and cut': (g, x) =>
    g.conv2dTranspose(x, weight(g, 'k', [3, 3, 5, 4]), undefined, {
      stride: 2,
      padding: [1, 1, 0, 1],
    }),
  'pools with any border': (g, x) =>
    g.concat(
      [
        g.maxPool2d(x, { size: 3, stride: 2, padding: 'same' }),
        g.maxPool2d(x, { size: 3, stride: 2, padding: [1, 1, 1, 1] }),
        g.maxPool2d(g.relu(x), { size: 3, stride: 2, padding: [1, 1, 1, 1] }),
        g.avgPool2d(x, { size: 3, stride: 2, padding: 'same' }),
        g.avgPool2d(x, { size: 3, stride: 2, padding: [1, 1, 1, 1] }),
      ],
      -1,
    ),
  resized: (g, x) =>
    [
      g.resize2d(x, [12, 10]),
      g.resize2d(x, [12, 10], { method: 'nearest' }),
      g.resize2d(x, [12, 10], { alignCorners: true }),
      g.resize2d(g.resize2d(x, [5, 7], { method: 'nearest' }), [12, 10]),
    ].reduce((sum, y) => g.add(sum, y)),
  'norms of layers and groups': (g, x) =>
    g.groupNorm(
      g.layerNorm(x, weight(g, 'a', [4]), weight(g, 'b', [4])),
      weight(g, 's', [4]),
      weight(g, 't', [4]),
      { groups: 2, epsilon: 1e-3 },
    ),
  'sums over axes': (g, x) =>
    [
      g.mean(x, [1, 2]),
      g.sum(x, [2, 1]),
      g.max(x, [1, 2]),
      g.min(x, [1, 2]),
      g.mean(g.sum(x, 3), [1, 2], true),
      g.max(g.cumsum(x, 1, { reverse: true, exclusive: true }), [1, 2]),
    ].reduce((sum, y) => g.add(sum, g.reshape(g.mul(y, known(g, [1])), [0, -1]))),
  'axes moved, slices and borders': (g, x) =>
    g.pad(
      g.flip(g.stridedSlice(g.transpose(x, [0, 3, 1, 2]), [null, [1, -1], [null, null, -2]]), 1),
      [
        [0, 0],
        [1, 0],
        [0, 2],
        [1, 1],
      ],
    ),
  'a border of another number, taken apart': (g, x) =>
    g.take(
      g.pad(
        x,
        [
          [0, 0],
          [1, 2],
          [0, 1],
          [0, 0],
        ],
        0.5,
      ),
      g.constant(tensor([3, 0, 1], [3], 'i32')),
      3,
    ),
  'channels shuffled': (g, x) =>
    g.reshape(g.transpose(g.reshape(x, [0, 6, 5, 2, 2]), [0, 1, 2, 4, 3]), [0, 6, 5, 4]),
  'rows of tables': (g, _x, _s, indices) =>
    g.concat(
      [
        g.flatten(g.gather(weight(g, 'table', [9, 6]), indices)),
        g.sum(g.gather(weight(g, 'other', [9, 6]), indices), 1),
      ],
      1,
    ),
  'one number an item': (g, x) => {
    const y = g.dense(g.mean(x, [1, 2]), weight(g, 'w', [4, 1]), weight(g, 'b', [1]));
    return g.add(g.mul(g.reshape(y, [0]), 3), 2);
  },
  'numbers of rows as numbers': (g, _x, _s, indices) =>
    g.mul(g.cast(indices, 'f32'), known(g, [3])),
  lstm: (g, _, sequence) => {
    const parts = [weight(g, 'w', [6, 20]), weight(g, 'u', [5, 20]), weight(g, 'b', [20])] as const;
    const { y, h, c } = g.lstm(sequence, ...parts);
    return g.concat([g.mean(y, 1), h, c], 1);
  },
  'lstm in both directions': (g, _, sequence) => {
    const of = (name: string) =>
      [
        weight(g, `${name}/w`, [6, 20]),
        weight(g, `${name}/u`, [5, 20]),
        weight(g, `${name}/b`, [20]),
      ] as const;
    const forth = g.lstm(sequence, ...of('forth'));
    const back = g.lstm(sequence, ...of('back'), { reverse: true });
    return g.concat([forth.y, back.y], 2);
  },
  'attention of heads': (g, _, sequence) =>
    g.add(
      g.attention(sequence, g.relu(sequence), sequence, { heads: 2 }),
      g.selfAttention(g.dense(sequence, weight(g, 'qkv', [6, 18])), { heads: 3 }),
    ),
  'attention of heads, written out, and gelu': (g, _, sequence) => {
    const apart = (name: string) =>
      g.transpose(
        g.reshape(g.dense(sequence, weight(g, name, [6, 6])), [0, 7, 2, 3]),
        [0, 2, 1, 3],
      );
    const scores = g.matmul(apart('q'), apart('k'), { transposeB: true });
    const y = g.matmul(g.softmax(scores), apart('v'));
    const gelu = g.mul(g.mul(y, g.add(g.erf(g.div(y, Math.SQRT2)), 1)), 0.5);
    const other = g.mul(y, g.mul(0.5, g.add(g.erf(g.mul(y, Math.SQRT1_2)), 1)));
    return g.reshape(g.reshape(g.add(gelu, other), [1, -1, 2, 7, 3]), [-1, 42]);
  },
  'whole numbers moved before they are numbers': (g, _x, _s, indices) =>
    g.concat(
      [
        g.mul(g.cast(g.reshape(indices, [0, 3, 1]), 'f32'), known(g, [3, 1])),
        g.gather(weight(g, 'table', [9, 1]), g.stridedSlice(indices, [null, [0, 2]])),
      ],
      1,
    ),
  'attention, written out': (g, _, sequence) => {
    const [q, k, v] = ['q', 'k', 'v'].map((name) => g.dense(sequence, weight(g, name, [6, 4]))) as [
      Node,
      Node,
      Node,
    ];
    const shares = g.softmax(g.mul(g.matmul(q, k, { transposeB: true }), 0.5));
    return g.matmul(shares, v);
  },
};

test.for(Object.keys(cases))('%s: TensorFlow.js and another import give the same', async (name) => {
  const graph = new Graph();
  const inputs: Record<string, Node> = {
    x: graph.placeholder('x', [null, 6, 5, 4]),
    sequence: graph.placeholder('sequence', [null, 7, 6]),
    indices: graph.placeholder('indices', [null, 3], 'i32'),
  };
  const { x, sequence, indices } = inputs as { x: Node; sequence: Node; indices: Node };
  const y = (cases[name] as Make)(graph, x, sequence, indices);
  const feeds: Record<string, Tensor> = {
    x: ramp([2, 6, 5, 4]),
    sequence: ramp([2, 7, 6]),
    indices: tensor([1, 2, 8, 2, 2, 2], [2, 3], 'i32'),
  };
  const wanted = (await new Session(graph, { threads: 1 }).run(feeds, { y })).y;
  const { modelJson, shards } = await exportTfjsLayers({ graph, inputs, outputs: { y } });
  const bytes = Buffer.concat(shards.map((shard) => shard.bytes));
  const runtime = await TensorflowRuntime.open(JSON.parse(JSON.stringify(modelJson)), bytes);
  const given = (await runtime.run(feeds)).y as Tensor;
  runtime.close();
  expect(given.shape).toEqual(wanted.shape);
  expect(largestDifference(given.data, wanted.data as Float32Array)).toBeLessThan(1e-4);
  const again = importTfjsLayers(modelJson, bytes);
  const repeated = (await new Session(again.graph, { threads: 1 }).run(feeds, again.outputs)).y;
  expect(
    largestDifference(repeated?.data ?? [], wanted.data as Float32Array),
    'again',
  ).toBeLessThan(1e-4);
});

const refused: Record<string, [Make, RegExp]> = {
  'a function that no layer is': [(g, x) => g.erf(g.relu(x)), /operation 'erf' \(node \d+\)/],
  'the GRU of PyTorch and Keras 3': [
    (g, _, s) => g.gru(s, weight(g, 'w', [6, 9]), weight(g, 'u', [3, 9]), weight(g, 'b', [2, 9])).y,
    /operation 'gru'.*behind the recurrent product/,
  ],
  'a mean over the batch': [(g, x) => g.sub(x, g.mean(x, 0, true)), /'mean'.*items of a batch/],
  'a division by a value': [
    (g, x) => g.div(x, g.add(g.relu(x), 1)),
    /'div'.*changes with the inputs/,
  ],
};

test.for(Object.keys(refused))('%s is refused by its name', async (name) => {
  const [make, message] = refused[name] as [Make, RegExp];
  const graph = new Graph();
  const x = graph.placeholder('x', [null, 6, 5, 4]);
  const sequence = graph.placeholder('sequence', [null, 7, 6]);
  const y = make(graph, x, sequence, x);
  await expect(
    exportTfjsLayers({ graph, inputs: { x, sequence }, outputs: { y } }),
  ).rejects.toThrow(message);
});
