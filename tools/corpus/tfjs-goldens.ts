/**
 * Writes small models of TensorFlow.js, as a seed corpus for fuzz-readers.ts:
 *
 *   node tools/corpus/tfjs-goldens.ts packages/formats/goldens/tfjs.json
 */
import { writeFile } from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs';

interface Golden {
  readonly json: object;
  readonly base64: string;
}

const { layers: l } = tf;
type Symbol = tf.SymbolicTensor;

function pictures(): tf.LayersModel {
  const x = tf.input({ shape: [8, 7, 3], name: 'picture' });
  const padded = l.zeroPadding2d({ padding: [1, 1] }).apply(x);
  const y = l.conv2d({ filters: 4, kernelSize: 3, strides: 2, useBias: false }).apply(padded);
  const normed = l.reLU({ maxValue: 6 }).apply(l.batchNormalization().apply(y) as Symbol) as Symbol;
  const deep = l.depthwiseConv2d({ kernelSize: 3, padding: 'same' }).apply(normed) as Symbol;
  const sum = l.add().apply([normed, deep]) as Symbol;
  const pooled = l.globalAveragePooling2d({}).apply(l.maxPooling2d({}).apply(sum) as Symbol);
  const classes = l.dense({ units: 3, activation: 'softmax' }).apply(pooled as Symbol);
  return tf.model({ inputs: x, outputs: classes as Symbol });
}

function sentences(): tf.LayersModel {
  const lstm = l.lstm({ units: 2, recurrentActivation: 'sigmoid', returnSequences: true });
  return tf.sequential({
    layers: [
      l.embedding({ inputDim: 5, outputDim: 3, maskZero: true, inputShape: [4] }),
      l.bidirectional({ layer: lstm as never, mergeMode: 'concat' }),
      l.lstm({ units: 2, recurrentActivation: 'sigmoid' }),
    ],
  });
}

function nested(): tf.LayersModel {
  const inner = tf.sequential({
    layers: [l.dense({ units: 3, inputShape: [4] }), l.dropout({ rate: 0.5 })],
  });
  const x = tf.input({ shape: [4] });
  const both = l.concatenate().apply([inner.apply(x), inner.apply(x)] as Symbol[]) as Symbol;
  return tf.model({ inputs: x, outputs: l.reshape({ targetShape: [2, 3] }).apply(both) as Symbol });
}

async function saved(model: tf.LayersModel): Promise<Golden> {
  let golden: Golden | undefined;
  await model.save(
    tf.io.withSaveHandler(async ({ modelTopology, weightSpecs, weightData }) => {
      const weightsManifest = [{ paths: ['weights.bin'], weights: weightSpecs }];
      const base64 = Buffer.from(weightData as ArrayBuffer).toString('base64');
      golden = { json: { modelTopology, weightsManifest }, base64 };
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    }),
  );
  return golden as Golden;
}

const text = (value: string) => ({ s: Buffer.from(value).toString('base64') });
const wholes = (...values: number[]) => ({ list: { i: values.map(String) } });

/** A GraphDef as JSON: a convolution with all that is fused to it, pooling, a product. */
function graph(): Golden {
  const shape = { dim: [-1, 6, 6, 2].map((size) => ({ size: String(size) })) };
  const window = { data_format: text('NHWC'), strides: wholes(1, 2, 2, 1), padding: text('SAME') };
  const fused = { fused_ops: { list: { s: [text('BiasAdd').s, text('Relu6').s] } } };
  const consts = { kernel: [3, 3, 2, 2], bias: [2], matrix: [2, 3], axes: [2] };
  const types = (name: string) => (name === 'axes' ? 'int32' : 'float32');
  const stored = Object.keys(consts).map((name) => ({ name, op: 'Const', attr: {} }));
  const node = [
    { name: 'x', op: 'Placeholder', attr: { dtype: { type: 'DT_FLOAT' }, shape: { shape } } },
    ...stored,
    {
      name: 'y',
      op: '_FusedConv2D',
      input: ['x', 'kernel', 'bias'],
      attr: { ...window, ...fused },
    },
    { name: 'p', op: 'MaxPool', input: ['y'], attr: { ...window, ksize: wholes(1, 2, 2, 1) } },
    { name: 'm', op: 'Mean', input: ['p', 'axes'], attr: { keep_dims: { b: false } } },
    { name: 'z', op: 'MatMul', input: ['m', 'matrix'] },
  ];
  const weights = Object.entries(consts).map(([name, dims]) => ({
    name,
    shape: dims,
    dtype: types(name),
  }));
  const floats = new Float32Array(36 + 2 + 6).fill(0.25);
  const bytes = Buffer.concat([
    Buffer.from(floats.buffer),
    Buffer.from(Int32Array.of(1, 2).buffer),
  ]);
  const json = { modelTopology: { node }, weightsManifest: [{ paths: ['weights.bin'], weights }] };
  return { json, base64: bytes.toString('base64') };
}

const layers = await Promise.all([pictures(), sentences(), nested()].map(saved));
await writeFile(
  process.argv[2] ?? 'tfjs.json',
  `${JSON.stringify({ layers, graphs: [graph()] })}\n`,
);
