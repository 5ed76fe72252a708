import type * as tf from '@tensorflow/tfjs';
import type { Node } from '@vanda/engine';
import { tensor } from '@vanda/engine';
import { expect, test } from 'vitest';
import { FormatError } from '../format-error.ts';
import { importTfjsGraph } from './graph-model.ts';
import { nsfwjs } from './nsfwjs.fixture.ts';
import type { Saved } from './tensorflow.fixture.ts';
import { largestDifference, outputsOf, pictures, tensorflow } from './tensorflow.fixture.ts';

const tensorflowJs = await tensorflow();

async function theirs({ json, bytes }: Saved): Promise<tf.GraphModel> {
  return await tensorflowJs.loadGraphModel(
    tensorflowJs.io.fromMemory({
      modelTopology: json.modelTopology,
      weightSpecs: json.weightsManifest.flatMap((group: { weights: object[] }) => group.weights),
      weightData: new Uint8Array(bytes).buffer,
      userDefinedMetadata: json.userDefinedMetadata,
    }),
  );
}

test('mobilenet_v2_mid of nsfwjs sees in pictures what TensorFlow.js sees', {
  timeout: 60_000,
}, async () => {
  const files = await nsfwjs('mobilenet_v2_mid');
  const x = await pictures(224);
  const network = importTfjsGraph(files.json, files.bytes);
  expect(Object.keys(network.inputs)).toEqual(['input']);
  const squeeze = [...network.places.keys()].find((name) =>
    name.endsWith('SpatialSqueeze'),
  ) as string;
  const outputs = { ...network.outputs, [squeeze]: network.places.get(squeeze) as Node };
  expect(Object.keys(network.outputs)).toEqual(['Identity']);
  const ours = Object.values(await outputsOf({ ...network, outputs }, { input: x }));
  const model = await theirs(files);
  const given = tensorflowJs.tensor(x.data as Float32Array, [...x.shape]);
  const expected = model.execute({ input: given }, Object.keys(outputs)) as tf.Tensor[];
  for (const [i, output] of ours.entries()) {
    expect(output.shape).toEqual(expected[i]?.shape);
    expect(largestDifference(output.data, (await expected[i]?.data()) ?? [])).toBeLessThan(1e-4);
  }
});

const text = (value: string) => ({ s: Buffer.from(value).toString('base64') });
const wholes = (...values: number[]) => ({ list: { i: values.map(String) } });
const floats = { T: { type: 'DT_FLOAT' } };

/** x [N, 6, 6, 2] through nodes that read it and stored tensors, as a file. */
function graphOf(
  nodes: { name: string; op: string; input?: string[]; attr?: object }[],
  consts: Record<string, { shape: number[]; data: number[]; dtype?: 'int32' }>,
): Saved {
  const shape = { dim: [-1, 6, 6, 2].map((size) => ({ size: String(size) })) };
  const placeholder = {
    name: 'x',
    op: 'Placeholder',
    attr: { dtype: { type: 'DT_FLOAT' }, shape: { shape } },
  };
  const stored = Object.keys(consts).map((name) => ({
    name,
    op: 'Const',
    attr: { dtype: { type: consts[name]?.dtype ? 'DT_INT32' : 'DT_FLOAT' } },
  }));
  const parts = Object.values(consts).map(({ data, dtype }) =>
    Buffer.from((dtype ? Int32Array.from(data) : Float32Array.from(data)).buffer),
  );
  const weights = Object.entries(consts).map(([name, { shape, dtype }]) => ({
    name,
    shape,
    dtype: dtype ?? 'float32',
  }));
  // The placeholder comes last: files need not be in an order in which they can be computed.
  const node = [
    ...nodes.map((one) => ({ ...one, attr: { ...floats, ...one.attr } })),
    ...stored,
    placeholder,
  ];
  return {
    json: {
      format: 'graph-model',
      modelTopology: { node, versions: { producer: 175 } },
      weightsManifest: [{ paths: ['a.bin'], weights }],
    },
    bytes: new Uint8Array(Buffer.concat(parts)),
  };
}

const picture = { data_format: text('NHWC'), strides: wholes(1, 2, 2, 1), padding: text('SAME') };
const ramp = (count: number) => Array.from({ length: count }, (_, i) => ((i * 7) % 11) / 11 - 0.4);
const kernel = { shape: [3, 3, 2, 2], data: ramp(36) };
const vector = { shape: [2], data: [0.3, -0.2] };
const scales = {
  scale: vector,
  shift: vector,
  mean: vector,
  variance: { shape: [2], data: [0.5, 1.5] },
};
const fusedOps = (...ops: string[]) => ({
  fused_ops: { list: { s: ops.map((op) => text(op).s) } },
  num_args: { i: '1' },
});

const graphs: Record<string, Saved> = {
  convolution: graphOf(
    [
      {
        name: 'y',
        op: 'Conv2D',
        input: ['x', 'kernel'],
        attr: { ...picture, dilations: wholes(1, 1, 1, 1) },
      },
      { name: 'z', op: 'BiasAdd', input: ['y', 'bias'] },
    ],
    { kernel, bias: vector },
  ),
  'fused convolutions': graphOf(
    [
      {
        name: 'y',
        op: '_FusedConv2D',
        input: ['x', 'kernel', 'bias'],
        attr: { ...picture, ...fusedOps('BiasAdd', 'Relu6') },
      },
      {
        name: 'z',
        op: 'FusedDepthwiseConv2dNative',
        input: ['y', 'kernel', 'wide'],
        attr: { ...picture, ...fusedOps('BiasAdd') },
      },
    ],
    { kernel, bias: vector, wide: { shape: [4], data: ramp(4) } },
  ),
  normalisation: graphOf(
    [
      {
        name: 'y',
        op: 'FusedBatchNormV3',
        input: ['x', 'scale', 'shift', 'mean', 'variance'],
        attr: { data_format: text('NHWC'), is_training: { b: false }, epsilon: { f: 0.01 } },
      },
    ],
    scales,
  ),
  'pooling and a product': graphOf(
    [
      { name: 'p', op: 'MaxPool', input: ['x'], attr: { ...picture, ksize: wholes(1, 2, 2, 1) } },
      { name: 'm', op: 'Mean', input: ['p', 'axes'], attr: { keep_dims: { b: false } } },
      { name: 'w', op: 'MatMul', input: ['m', 'matrix'], attr: { transpose_b: { b: true } } },
      { name: 'z', op: 'Softmax', input: ['w'] },
    ],
    {
      axes: { shape: [2], data: [1, 2], dtype: 'int32' },
      matrix: { shape: [3, 2], data: ramp(6) },
    },
  ),
  'moving elements': graphOf(
    [
      { name: 'p', op: 'PadV2', input: ['x', 'borders', 'value'] },
      { name: 'c', op: 'ConcatV2', input: ['p', 'p', 'axis'] },
      { name: 't', op: 'Transpose', input: ['c', 'order'] },
      { name: 'z', op: 'Reshape', input: ['t', 'shape'] },
    ],
    {
      borders: { shape: [4, 2], data: [0, 0, 1, 0, 0, 2, 0, 0], dtype: 'int32' },
      value: { shape: [], data: [0.5] },
      axis: { shape: [], data: [3], dtype: 'int32' },
      order: { shape: [4], data: [0, 3, 1, 2], dtype: 'int32' },
      shape: { shape: [2], data: [-1, 224], dtype: 'int32' },
    },
  ),
  'element by element': graphOf(
    [
      { name: 'a', op: 'Mul', input: ['x', 'half'] },
      { name: 'b', op: 'SquaredDifference', input: ['a', 'vector'] },
      { name: 'c', op: 'Sqrt', input: ['b'] },
      { name: 'd', op: 'LeakyRelu', input: ['a'], attr: { alpha: { f: 0.3 } } },
      { name: 'e', op: 'AddV2', input: ['c', 'd'] },
      { name: 'z', op: 'Identity', input: ['e:0', '^a'] },
    ],
    { half: { shape: [], data: [0.5] }, vector },
  ),
};

test.each(Object.keys(graphs))('%s', async (name) => {
  const files = graphs[name] as Saved;
  const x = tensorflowJs.randomUniform([3, 6, 6, 2], -1, 1, 'float32', 5);
  const ours = await outputsOf(importTfjsGraph(files.json, files.bytes), {
    x: tensor((await x.data()) as Float32Array, x.shape),
  });
  const model = await theirs(files);
  const last = Object.keys(ours).at(-1) as string;
  const expected = model.execute({ x }, last) as tf.Tensor;
  expect(ours[last]?.shape).toEqual(expected.shape);
  expect(largestDifference(ours[last]?.data ?? [], await expected.data())).toBeLessThan(1e-5);
});

// biome-ignore lint/suspicious/noExplicitAny: spoiling means to put in what does not fit
type Spoil = (json: any) => void;

const hostile: [string, Spoil, RegExp][] = [
  [
    'an operation that nobody knows',
    (f) => {
      f.modelTopology.node[0].op = 'PyFunc';
    },
    /node\[0\].*no operation 'PyFunc'/,
  ],
  [
    'a node that reads itself',
    (f) => {
      f.modelTopology.node[0].input[0] = 'z';
    },
    /depends on its own result/,
  ],
  [
    'a node that is not there',
    (f) => {
      f.modelTopology.node[1].input[0] = 'nobody';
    },
    /node\[1\]\.input\[0\].*nobody/,
  ],
  [
    'a second output that is not there',
    (f) => {
      f.modelTopology.node[1].input[0] = 'y:1';
    },
    /no node 'y:1'/,
  ],
  [
    'two nodes of one name',
    (f) => {
      f.modelTopology.node[1].name = 'y';
    },
    /two nodes/,
  ],
  [
    'a text where a list belongs',
    (f) => {
      f.modelTopology.node = 'x';
    },
    /node.*must be a list/,
  ],
  [
    'channels first',
    (f) => {
      f.modelTopology.node[0].attr.data_format = text('NCHW');
    },
    /NCHW/,
  ],
  [
    'strides of the batch',
    (f) => {
      f.modelTopology.node[0].attr.strides = wholes(2, 1, 1, 1);
    },
    /strides.*HIGH/,
  ],
  [
    'an input of negative size',
    (f) => {
      f.modelTopology.node.at(-1).attr.shape.shape.dim[1].size = '-6';
    },
    /shape.*only the batch/,
  ],
  [
    'shapes that do not fit',
    (f) => {
      f.weightsManifest[0].weights[1].shape = [1, 2];
      f.modelTopology.node[1].input = ['y', 'kernel'];
      f.modelTopology.node[1].op = 'MatMul';
    },
    /node\[1\].*'z'/,
  ],
  [
    'a weight without a node',
    (f) => {
      f.modelTopology.node[2].name = 'other';
    },
    /no (node|weight) /,
  ],
  [
    'functions',
    (f) => {
      f.modelTopology.library = { function: [{}] };
    },
    /library\.function/,
  ],
];

test.each(hostile)('%s is refused', (_, spoil, sentence) => {
  const { json, bytes } = structuredClone(graphs.convolution) as Saved;
  json.modelTopology.node[1].name = 'z';
  spoil(json);
  const take = () => importTfjsGraph(json, bytes);
  expect(take).toThrow(FormatError);
  expect(take).toThrow(sentence);
});
