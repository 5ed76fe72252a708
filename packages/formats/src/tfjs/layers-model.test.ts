import type { SymbolicTensor } from '@tensorflow/tfjs';
import type { Tensor } from '@vanda/engine';
import { tensor } from '@vanda/engine';
import { expect, test } from 'vitest';
import { importTfjsLayers } from './layers-model.ts';
import type { Saved } from './tensorflow.fixture.ts';
import {
  largestDifference,
  outputsOf,
  quantized,
  saved,
  tensorflow,
} from './tensorflow.fixture.ts';

const tf = await tensorflow();
type Model = ReturnType<typeof tf.model>;
const { layers: l } = tf;

/** One layer, or a few, between an input and the output. */
function chain(shape: number[], ...layers: { apply(x: SymbolicTensor): unknown }[]): Model {
  const input = tf.input({ shape });
  const output = layers.reduce((x, layer) => layer.apply(x) as SymbolicTensor, input);
  return tf.model({ inputs: input, outputs: output });
}

/** Weights that no initializer would give: biases and statistics that are not 0 and 1. */
function stir(model: Model): void {
  model.setWeights(
    model
      .getWeights()
      .map((weight, i) => tf.randomUniform(weight.shape, 0.1, 0.6, 'float32', 10 + i)),
  );
}

const sequence = () => tf.input({ shape: [6, 4] });
const lstm = (more = {}) => l.lstm({ units: 3, recurrentActivation: 'sigmoid', ...more });
const cases: Record<string, () => Model> = {
  conv2d: () =>
    chain(
      [9, 8, 3],
      l.conv2d({ filters: 4, kernelSize: [3, 2], strides: 2, padding: 'same', activation: 'relu' }),
    ),
  'conv2d, dilated': () =>
    chain([9, 9, 2], l.conv2d({ filters: 3, kernelSize: 3, dilationRate: 2, useBias: false })),
  conv1d: () =>
    chain([9, 3], l.conv1d({ filters: 4, kernelSize: 3, padding: 'same', activation: 'tanh' })),
  depthwiseConv2d: () =>
    chain([7, 7, 3], l.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, padding: 'same' })),
  separableConv2d: () => chain([7, 7, 3], l.separableConv2d({ filters: 5, kernelSize: 3 })),
  'conv2dTranspose, same': () =>
    chain([5, 4, 3], l.conv2dTranspose({ filters: 2, kernelSize: 3, strides: 2, padding: 'same' })),
  'conv2dTranspose, valid': () =>
    chain([5, 4, 3], l.conv2dTranspose({ filters: 2, kernelSize: 3, strides: 2 })),
  batchNormalization: () => chain([5, 5, 3], l.batchNormalization({ epsilon: 0.01 })),
  'batchNormalization without scale and centre': () =>
    chain([6], l.batchNormalization({ scale: false, center: false })),
  layerNormalization: () => chain([5, 6], l.layerNormalization()),
  pooling: () =>
    chain(
      [9, 9, 2],
      l.maxPooling2d({ poolSize: 3, strides: 2 }),
      l.averagePooling2d({ poolSize: 2, padding: 'same' }),
    ),
  'pooling of sequences': () =>
    chain(
      [12, 2],
      l.maxPooling1d({ poolSize: 2 }),
      l.averagePooling1d({ poolSize: 3, strides: 1, padding: 'same' }),
    ),
  globalAveragePooling2d: () => chain([4, 5, 3], l.globalAveragePooling2d({})),
  globalMaxPooling2d: () => chain([4, 5, 3], l.globalMaxPooling2d({})),
  globalAveragePooling1d: () => chain([4, 3], l.globalAveragePooling1d({})),
  globalMaxPooling1d: () => chain([4, 3], l.globalMaxPooling1d({})),
  upSampling2d: () => chain([3, 4, 2], l.upSampling2d({ size: [2, 3] })),
  zeroPadding2d: () =>
    chain(
      [3, 4, 2],
      l.zeroPadding2d({
        padding: [
          [1, 2],
          [0, 3],
        ],
      }),
    ),
  cropping2d: () =>
    chain(
      [6, 7, 2],
      l.cropping2D({
        cropping: [
          [1, 2],
          [0, 3],
        ],
      }),
    ),
  'flatten, reshape, permute': () =>
    chain([2, 3, 4], l.flatten(), l.reshape({ targetShape: [4, -1] }), l.permute({ dims: [2, 1] })),
  repeatVector: () => chain([4], l.repeatVector({ n: 3 })),
  'dropout does nothing': () =>
    chain([4], l.dropout({ rate: 0.5 }), l.gaussianNoise({ stddev: 1 })),
  'relu with a bound': () => chain([6], l.reLU({ maxValue: 0.5 })),
  relu6: () => chain([6], l.activation({ activation: 'relu6' })),
  'leakyReLU, elu': () => chain([6], l.leakyReLU({ alpha: 0.2 }), l.elu()),
  'prelu, a slope a place or a channel': () =>
    chain([3, 4, 2], l.prelu(), l.prelu({ sharedAxes: [1, 2] })),
  softmax: () => chain([6], l.softmax()),
  ...Object.fromEntries(
    (
      [
        'elu',
        'hardSigmoid',
        'linear',
        'relu',
        'selu',
        'sigmoid',
        'softmax',
        'softplus',
        'softsign',
        'tanh',
        'swish',
        'mish',
      ] as const
    ).map((activation) => [
      `dense, ${activation}`,
      () => chain([5], l.dense({ units: 4, activation })),
    ]),
  ),
  'dense of sequences': () => chain([3, 5], l.dense({ units: 4 })),
  lstm: () => chain([6, 4], lstm()),
  'lstm, all steps, backwards': () =>
    chain([6, 4], lstm({ returnSequences: true, goBackwards: true })),
  'lstm without bias': () => chain([6, 4], lstm({ useBias: false })),
  'bidirectional lstm': () =>
    chain(
      [6, 4],
      l.bidirectional({ layer: lstm({ returnSequences: true }) as never, mergeMode: 'concat' }),
    ),
  'bidirectional lstm, summed': () =>
    chain([6, 4], l.bidirectional({ layer: lstm() as never, mergeMode: 'sum' })),
  'masked words': () =>
    chain(
      [6],
      l.embedding({ inputDim: 4, outputDim: 5, maskZero: true }),
      l.dropout({ rate: 0.1 }),
      lstm(),
    ),
  embedding: () => chain([6], l.embedding({ inputDim: 4, outputDim: 5 })),
  merging: () => {
    const x = tf.input({ shape: [4] });
    const [a, b] = [
      l.dense({ units: 3 }).apply(x),
      l.dense({ units: 3 }).apply(x),
    ] as SymbolicTensor[];
    const pair = [a, b] as SymbolicTensor[];
    const merged = [
      l.add(),
      l.multiply(),
      l.average(),
      l.maximum(),
      l.minimum(),
      l.concatenate(),
      l.dot({ axes: -1 }),
    ].map((layer) => layer.apply(pair) as SymbolicTensor);
    return tf.model({ inputs: x, outputs: merged });
  },
  'several inputs': () => {
    const [x, y] = [tf.input({ shape: [4] }), sequence()];
    const joined = l.concatenate().apply([x, lstm().apply(y) as SymbolicTensor]) as SymbolicTensor;
    return tf.model({
      inputs: [x, y],
      outputs: l.dense({ units: 2 }).apply(joined) as SymbolicTensor,
    });
  },
  'a layer applied twice': () => {
    const x = tf.input({ shape: [4] });
    const dense = l.dense({ units: 4, activation: 'tanh' });
    return tf.model({ inputs: x, outputs: dense.apply(dense.apply(x)) as SymbolicTensor });
  },
  'a model in a model in a sequence': () => {
    const inner = chain([4], l.dense({ units: 3, activation: 'relu' }), l.batchNormalization());
    const x = tf.input({ shape: [4] });
    const y = l.add().apply([inner.apply(x), inner.apply(x)] as SymbolicTensor[]) as SymbolicTensor;
    const middle = tf.model({ inputs: x, outputs: y });
    return tf.sequential({
      layers: [middle, l.dense({ units: 2, activation: 'softmax' })] as never,
    }) as never;
  },
  'a sequence in a sequence': () =>
    tf.sequential({
      layers: [
        tf.sequential({ layers: [l.dense({ units: 3, inputShape: [4] })] }),
        l.dense({ units: 2 }),
      ],
    }) as never,
};

/** Words are small whole numbers, anything else lies around 0. */
async function feedsOf(model: Model): Promise<Record<string, Tensor>> {
  const words = model.layers.some((layer) => layer.getClassName() === 'Embedding');
  const made = model.inputs.map(async (input, i) => {
    const shape = [3, ...(input.shape.slice(1) as number[])];
    const given = words
      ? tf.randomUniformInt(shape, 0, 4, 7 + i)
      : tf.randomUniform(shape, -1, 1, 'float32', 7 + i);
    return [input.name, tensor(Float32Array.from(await given.data()), shape)] as const;
  });
  return Object.fromEntries(await Promise.all(made));
}

async function check(model: Model, { json, bytes }: Saved, feeds: Record<string, Tensor>) {
  const network = importTfjsLayers(json, bytes);
  const names = Object.keys(network.inputs);
  const renamed = Object.fromEntries(
    Object.values(feeds).map((value, i) => [names[i] as string, value]),
  );
  const ours = Object.values(await outputsOf(network, renamed));
  const given = Object.values(feeds).map((value) =>
    tf.tensor(value.data as Float32Array, [...value.shape]),
  );
  const theirs = [model.predict(given.length === 1 ? (given[0] as never) : given)].flat();
  expect(ours).toHaveLength(theirs.length);
  for (const [i, output] of ours.entries()) {
    expect(output.shape).toEqual(theirs[i]?.shape);
    expect(largestDifference(output.data, (await theirs[i]?.data()) ?? [])).toBeLessThan(1e-5);
  }
  return network;
}

test.each(Object.keys(cases))('%s', async (name) => {
  const model = (cases[name] as () => Model)();
  stir(model);
  await check(model, await saved(model), await feedsOf(model));
});

test.each(['uint8', 'uint16'] as const)('weights in steps of %s', async (dtype) => {
  const model = chain(
    [9, 9, 3],
    l.conv2d({ filters: 4, kernelSize: 3 }),
    l.flatten(),
    l.dense({ units: 3 }),
  );
  stir(model);
  const files = quantized(await saved(model), dtype);
  const theirs = await tf.loadLayersModel(
    tf.io.fromMemory({
      modelTopology: files.json.modelTopology,
      weightSpecs: files.json.weightsManifest[0].weights,
      weightData: files.bytes.slice().buffer,
    }),
  );
  await check(theirs as never, files, await feedsOf(model));
});

test('weights are variables by their Keras names, and a frozen layer is not trained', async () => {
  const inner = chain(
    [4],
    l.dense({ units: 3, name: 'first' }),
    l.batchNormalization({ name: 'norm' }),
  );
  const model = tf.sequential({ layers: [inner, l.dense({ units: 2, name: 'last' })] as never });
  inner.getLayer('first').trainable = false;
  const { json, bytes } = await saved(model as never);
  const { graph, places } = importTfjsLayers(json, bytes);
  const named = graph.variables.map(
    ({ name, trainable }) => `${name.split('/').slice(1).join('/')} ${trainable}`,
  );
  expect(named).toEqual([
    ...['first/kernel false', 'first/bias false', 'norm/gamma true', 'norm/beta true'],
    ...['norm/moving_mean false', 'norm/moving_variance false', 'kernel true', 'bias true'],
  ]);
  expect([...places.keys()].at(-1)).toBe('last');
});
