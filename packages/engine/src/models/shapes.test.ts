import { expect, test } from 'vitest';
import type { Node, Tensor } from '../index.ts';
import { EngineError, models, nn, Pipeline, tensor } from '../index.ts';

const { call, input, model, sequential } = models;

const flat = input({ shape: [16], name: 'flat' });
const short = input({ shape: [8] });
const picture = input({ shape: [4, 4, 2] });
const bytes = input({ shape: [4, 4, 2], dtype: 'u8' });

const shared = nn.dense(3, { name: 'twin' });
call(shared, flat);

const misfits: [what: string, body: () => unknown, message: string][] = [
  [
    'too few dims',
    () => call(nn.conv2d(8, 3), flat),
    'conv2d (conv2d): does not fit f32 [batch, 16]: does not take an input of shape [batch, 16]. It takes pictures [batch, height, width, channels] of f32.',
  ],
  [
    'a window that is too large, in a layer with a name',
    () => call(nn.conv2d(8, 5, { name: 'wide' }), picture),
    'wide (conv2d): does not fit f32 [batch, 4, 4, 2]: a window of 5 is larger than the padded input of 4. It takes pictures [batch, height, width, channels] of f32.',
  ],
  [
    'whole numbers for a dense layer',
    () => call(nn.dense(2), bytes),
    'dense (dense): does not fit u8 [batch, 4, 4, 2]: takes f32 inputs, not u8[batch, 4, 4, 2]. It takes [batch, ..., features] of f32.',
  ],
  [
    'fractions for an embedding',
    () => call(nn.embedding(10, 4), flat),
    'embedding (embedding): does not fit f32 [batch, 16]: gather: the indices must be integers, not f32[batch, 16]. It takes whole numbers (i32, i64 or u8) [batch, ...].',
  ],
  [
    'a sum of different widths, after another sum',
    () => call(nn.add(), [call(nn.add(), [flat, flat]), short]),
    'add_1 (add): does not fit f32 [batch, 16] and f32 [batch, 8]: the shapes [batch, 16] and [batch, 8] do not broadcast together. It takes two inputs or more of one shape, or that broadcast to one.',
  ],
  [
    'a sum of one',
    () => call(nn.multiply(), [flat]),
    'multiply (multiply): does not fit f32 [batch, 16]: was given 1. It takes two inputs or more of one shape, or that broadcast to one.',
  ],
  [
    'several for a layer of one',
    () => call(nn.dense(3), [flat, short]),
    'dense (dense): does not fit f32 [batch, 16] and f32 [batch, 8]: takes one input and was given 2; a layer such as concatenate or add makes one of several. It takes [batch, ..., features] of f32.',
  ],
  [
    'another width for shared weights',
    () => call(shared, short),
    'twin (dense): does not fit f32 [batch, 8]: it is shared, and its weight is [16, 3] where this would need [8, 3]',
  ],
  [
    'another width for a model',
    () => call(sequential([flat, nn.dense(2)], { name: 'tower' }), short),
    'tower (sequential): does not fit f32 [batch, 8]. It takes f32 [batch, 16].',
  ],
  [
    'a reshape to another number of elements',
    () => call(nn.reshape([5, 5]), flat),
    'reshape (reshape): does not fit f32 [batch, 16]: a tensor of shape [batch, 16] does not fit [batch, 5, 5]. It takes [batch, ...] of 25 elements each.',
  ],
  [
    'products of different lengths',
    () => call(nn.dot(), [flat, short]),
    'dot (dot): does not fit f32 [batch, 16] and f32 [batch, 8]: the inputs differ in length. It takes two inputs [batch, features], or [batch, rows, columns], as long along their axes.',
  ],
];

test.each(misfits)('%s', (_what, body, message) => {
  let thrown = 'no error';
  try {
    body();
  } catch (error) {
    expect(error).toBeInstanceOf(EngineError);
    thrown = (error as Error).message;
  }
  expect(thrown).toBe(message);
});

test('what does not make a model says why', () => {
  const out = call(nn.dense(1), call(nn.concatenate(), [flat, short]));
  const attempts: [() => unknown, RegExp][] = [
    [() => model({ inputs: flat, outputs: out }), /model: an output depends on the input 'input'/],
    [
      () => model({ inputs: [flat, short, picture], outputs: out }),
      /no output depends on the input/,
    ],
    [() => model({ inputs: out, outputs: out }), /made by input\(\)/],
    [() => model({ inputs: [], outputs: [] }), /takes inputs, each once, and outputs/],
    [
      () => sequential([flat, nn.dense(2, { name: 'a' }), nn.dense(2, { name: 'a' })]),
      /the name 'a' is empty or that of two layers/,
    ],
    [() => sequential([flat]), /takes an input\(\) first, if any, and then one layer or more/],
    [() => sequential([nn.dense(1)]).summary(), /has no shapes yet: begin it with input\(\)/],
    [() => input({ shape: [0] }), /the shape \[0\] must be of whole numbers above 0/],
    [() => nn.reshape([-1, -1]), /one of them -1 at most/],
    [() => nn.permute([2, 3]), /must name each of the dims 1 to 2 once/],
    [() => sequential([flat, nn.dense(1)]).getLayer('dens'), /no layer 'dens'; there are dense$/],
  ];
  for (const [body, message] of attempts) expect(body).toThrow(message);
});

test('what has no type that fits at all is an EngineError, too', async () => {
  const row = input({ shape: [3], name: 'row' });
  const net = sequential([row, nn.dense(1)], { threads: 1 }).compile({ loss: 'mse' });
  const x = tensor([1, 2, 3], [1, 3]);
  const wrong: unknown[] = [null, undefined, 3, 'x', [], {}, { x: 1, y: 2 }, { x }, { x, y: null }];
  wrong.push({ x: [null], y: x }, { x: { row: 3 }, y: x }, { x: { data: x.data }, y: x });
  for (const data of wrong) {
    await expect(net.fit(data as models.Samples)).rejects.toBeInstanceOf(EngineError);
    await expect(net.evaluate(data as models.Samples)).rejects.toBeInstanceOf(EngineError);
    await expect(net.trainOnBatch(data as models.Samples)).rejects.toBeInstanceOf(EngineError);
  }
  const calls: ((given: never) => unknown)[] = [
    (given) => call(given, row),
    (given) => call(nn.dense(1), given),
    (given) => sequential([given]),
    (given) => input({ shape: given }),
    (given) => input({ shape: [1], dtype: given }),
    (given) => net.freeze(given),
  ];
  for (const given of [null, 3, {}, 'none', [null]])
    for (const body of calls) expect(() => body(given as never)).toThrow(EngineError);
});

test('wrong data and wrong options are errors that name the input, the output or the option', async () => {
  const net = sequential([input({ shape: [3], name: 'row' }), nn.dense(4, { name: 'scores' })]);
  const x = tensor(new Float32Array(30), [10, 3]);
  const y = tensor(new Int32Array(10));
  const loss = 'sparseCategoricalCrossentropy' as const;
  await expect(net.fit({ x, y })).rejects.toThrow('sequential: compile it first');
  const unknown = (options: object) => () => net.compile(options as models.CompileOptions);
  expect(unknown({ loss: 'mean' })).toThrow(/there is no loss 'mean'; there are sparseCategorical/);
  expect(unknown({ loss, optimizer: 'adamm' })).toThrow(
    /there is no optimizer 'adamm'; there are sgd/,
  );
  expect(unknown({ loss, metrics: ['auc'] })).toThrow(
    /there is no metric 'auc'; there are accuracy/,
  );
  expect(unknown({ loss: { score: loss } })).toThrow(/loss: there is no 'score', only \[scores\]/);
  expect(unknown({})).toThrow(/compile needs a loss/);
  net.compile({ loss });
  const attempts: [() => Promise<unknown>, RegExp][] = [
    [
      () => net.predict(tensor(new Float32Array(8), [2, 4])),
      /^row \(input\): does not fit f32 \[2, 4\]. It takes f32 \[batch, 3\]\.$/,
    ],
    [() => net.fit({ x, y: tensor(new Int32Array(9)) }), /samples differ: 'row' has 10, 'y' has 9/],
    [
      () => net.fit({ x, y: x }),
      /^scores \(loss\): sparseCategoricalCrossentropy: predictions f32 \[batch, 4\] do not fit targets f32 \[batch, 3\]; i32 \[batch\] would$/,
    ],
    [() => net.fit({ x: { rows: x }, y }), /x: there is no 'rows', only \[row\]/],
    [() => net.fit({ x, y }, { epochs: 0 }), /epochs must be a whole number/],
    [() => net.fit({ x, y }, { batchSize: 0 }), /batchSize must be a whole number/],
    [() => net.fit({ x, y }, { validationSplit: 1 }), /validationSplit must be between 0 and 1/],
    [
      () => net.fit(new Pipeline({ columns: { row: { data: x.data, shape: [3] } }, batchSize: 2 })),
      /the pipeline has no column 'y'; it needs \[row, y\]/,
    ],
  ];
  for (const [attempt, message] of attempts) await expect(attempt()).rejects.toThrow(message);
  expect(() => net.setWeights({ 'scores/weight': y })).toThrow(/is f32 \[3, 4\], not i32 \[10\]/);
});

test('merging and reshaping layers compute what they say', async () => {
  const a = tensor([1, 2, 3, 4, 5, 6], [1, 2, 3]);
  const b = tensor([6, -5, 4, 3, 2, 1], [1, 2, 3]);
  const merged = async (layer: nn.MergeLayer) => {
    const inputs = [input({ shape: [2, 3] }), input({ shape: [2, 3] })];
    const net = model({ inputs, outputs: call(layer, inputs), threads: 1 });
    return of(await net.predict([a, b]));
  };
  const of = ({ shape, data }: Tensor) => [shape.slice(1), Array.from(data as Float32Array)];
  expect(await merged(nn.add())).toEqual([
    [2, 3],
    [7, -3, 7, 7, 7, 7],
  ]);
  expect(await merged(nn.subtract())).toEqual([
    [2, 3],
    [-5, 7, -1, 1, 3, 5],
  ]);
  expect(await merged(nn.multiply())).toEqual([
    [2, 3],
    [6, -10, 12, 12, 10, 6],
  ]);
  expect(await merged(nn.average())).toEqual([
    [2, 3],
    [3.5, -1.5, 3.5, 3.5, 3.5, 3.5],
  ]);
  expect(await merged(nn.maximum())).toEqual([
    [2, 3],
    [6, 2, 4, 4, 5, 6],
  ]);
  expect(await merged(nn.minimum())).toEqual([
    [2, 3],
    [1, -5, 3, 3, 2, 1],
  ]);
  expect(await merged(nn.concatenate({ axis: 1 }))).toEqual([
    [4, 3],
    [1, 2, 3, 4, 5, 6, 6, -5, 4, 3, 2, 1],
  ]);
  expect(await merged(nn.dot({ axes: 2 }))).toEqual([
    [2, 2],
    [8, 10, 23, 28],
  ]);
  expect(await merged(nn.dot({ axes: [1, 1] }))).toEqual([
    [3, 3],
    [18, 3, 8, 27, 0, 13, 36, -3, 18],
  ]);
  const reshaped = async (layer: nn.Layer) => {
    return of(await sequential([input({ shape: [2, 3] }), layer], { threads: 1 }).predict(a));
  };
  expect(await reshaped(nn.permute([2, 1]))).toEqual([
    [3, 2],
    [1, 4, 2, 5, 3, 6],
  ]);
  expect(await reshaped(nn.reshape([3, -1]))).toEqual([
    [3, 2],
    [1, 2, 3, 4, 5, 6],
  ]);
  const twice = sequential([input({ shape: [2, 3] }), nn.flatten(), nn.repeatVector(2)], {
    threads: 1,
  });
  expect(of(await twice.predict(a))).toEqual([
    [2, 6],
    [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6],
  ]);
  const cosine = model({
    inputs: [flat],
    outputs: call(nn.dot({ normalize: true }), [flat, flat]),
    threads: 1,
  });
  const [, [one]] = of(await cosine.predict(tensor([3, 4, ...new Array(14).fill(0)], [1, 16]))) as [
    unknown,
    number[],
  ];
  expect(one).toBeCloseTo(1, 5);
});

test('a mask goes to the layers that are called with it, and own layers are objects', async () => {
  const steps = input({ shape: [3, 2], name: 'steps' });
  const mask = input({ shape: [3], dtype: 'bool', name: 'mask' });
  const double = { kind: 'double', apply: (x: Node) => x.graph.mul(x, 2) };
  const last = call(nn.gru(2), call(double, steps), { mask });
  const net = model({ inputs: [steps, mask], outputs: last, threads: 1 });
  expect(net.layers.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
    'steps input',
    'mask input',
    'double double',
    'gru gru',
  ]);
  const run = async (third: number) =>
    net.predict([tensor([1, 2, 3, 4, third, third], [1, 3, 2]), tensor([1, 1, 0], [1, 3], 'bool')]);
  expect((await run(9)).data).toEqual((await run(-9)).data);
});

test('every layer is called what the function that makes it is called, and may be named', () => {
  const named = { name: 'own' };
  const made: Record<string, nn.Described> = {
    activation: nn.activation('relu', named),
    add: nn.add(named),
    avgPool: nn.avgPool(2, named),
    avgPool1d: nn.avgPool1d(2, named),
    avgPool3d: nn.avgPool3d(2, named),
    batchNorm: nn.batchNorm(named),
    bidirectional: nn.bidirectional(nn.lstm(2), named),
    concatenate: nn.concatenate(named),
    conv1d: nn.conv1d(2, 3, named),
    conv1dTranspose: nn.conv1dTranspose(2, 3, named),
    conv2d: nn.conv2d(2, 3, named),
    conv2dTranspose: nn.conv2dTranspose(2, 3, named),
    conv3d: nn.conv3d(2, 3, named),
    cropping2d: nn.cropping2d(1, named),
    dense: nn.dense(2, named),
    depthToSpace: nn.depthToSpace(2, named),
    depthwiseConv2d: nn.depthwiseConv2d(3, named),
    dot: nn.dot(named),
    dropout: nn.dropout(0.1, named),
    embedding: nn.embedding(2, 2, named),
    embeddingBag: nn.embeddingBag(2, 2, named),
    flatten: nn.flatten(named),
    gaussianDropout: nn.gaussianDropout(0.1, named),
    gaussianNoise: nn.gaussianNoise(0.1, named),
    globalAvgPool: nn.globalAvgPool(named),
    globalAvgPool1d: nn.globalAvgPool1d(named),
    globalAvgPool3d: nn.globalAvgPool3d(named),
    globalMaxPool: nn.globalMaxPool(named),
    globalMaxPool1d: nn.globalMaxPool1d(named),
    globalMaxPool3d: nn.globalMaxPool3d(named),
    groupNormalization: nn.groupNormalization(2, named),
    gru: nn.gru(2, named),
    instanceNormalization: nn.instanceNormalization(named),
    layerNormalization: nn.layerNormalization(named),
    localResponseNormalization: nn.localResponseNormalization(5, named),
    lstm: nn.lstm(2, named),
    maxPool: nn.maxPool(2, named),
    maxPool1d: nn.maxPool1d(2, named),
    maxPool3d: nn.maxPool3d(2, named),
    maximum: nn.maximum(named),
    multiHeadAttention: nn.multiHeadAttention(2, 2, named),
    padding2d: nn.padding2d(1, named),
    positionEmbedding: nn.positionEmbedding(named),
    prelu: nn.prelu(named),
    rescale: nn.rescale(2, 0, named),
    rmsNormalization: nn.rmsNormalization(named),
    separableConv2d: nn.separableConv2d(2, 3, named),
    spaceToDepth: nn.spaceToDepth(2, named),
    spatialDropout2d: nn.spatialDropout2d(0.1, named),
    transformerEncoder: nn.transformerEncoder(2, 2, named),
    unitNormalization: nn.unitNormalization(named),
    upsampling2d: nn.upsampling2d(2, named),
  };
  for (const [kind, layer] of Object.entries(made)) {
    expect(kind in nn).toBe(true);
    expect(layer).toMatchObject({ kind, name: 'own', takes: expect.any(String) });
  }
});

test('convolutions of all kinds name their weights after the layer', () => {
  const up = call(nn.conv2dTranspose(2, 2, { stride: 2, name: 'up' }), picture);
  const net = model({ inputs: picture, outputs: call(nn.separableConv2d(3, 3), up), threads: 1 });
  expect(Object.keys(net.getWeights())).toEqual([
    'up/kernel',
    'up/bias',
    'separable_conv2d/depthwise',
    'separable_conv2d/kernel',
    'separable_conv2d/bias',
  ]);
});
