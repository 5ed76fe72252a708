import { expect, test } from 'vitest';
import type { Tensor } from '../index.ts';
import { losses, models, nn, optim, tensor } from '../index.ts';

const { call, input, model, sequential } = models;

/** Two rings around the origin, and which of them a point is on. */
function rings(count: number): { x: Tensor; y: Tensor } {
  const points = new Float32Array(2 * count);
  const labels = new Int32Array(count);
  for (let i = 0; i < count; i += 1) {
    const ring = i % 2;
    const angle = i * 2.399963;
    points[2 * i] = (0.5 + ring) * Math.cos(angle);
    points[2 * i + 1] = (0.5 + ring) * Math.sin(angle);
    labels[i] = ring;
  }
  return { x: tensor(points, [count, 2]), y: tensor(labels) };
}

const quiet = { threads: 1, seed: 3 };

function numbers(value: Tensor): number[] {
  return Array.from(value.data as Float32Array, Number);
}

test('a sequential model learns, judges and predicts', async () => {
  const net = sequential(
    [nn.dense(16, { activation: 'relu' }), nn.dropout(0.1), nn.dense(2, { activation: 'softmax' })],
    quiet,
  ).compile({
    optimizer: optim.adam({ learningRate: 0.02 }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
  });
  const lines: string[] = [];
  const { history, epochs } = await net.fit(rings(500), {
    epochs: 20,
    validationSplit: 0.2,
    verbose: (line) => lines.push(line),
  });
  expect(epochs).toHaveLength(20);
  expect(Object.keys(history)).toEqual(['loss', 'accuracy', 'val_loss', 'val_accuracy']);
  expect(history.val_accuracy?.at(-1)).toBeGreaterThan(0.97);
  expect(history.loss?.at(-1)).toBeLessThan(0.5 * (history.loss?.[0] ?? 0));
  expect(lines[19]).toMatch(/^epoch 20\/20 - \d+\.\d s - loss 0\.\d+ - accuracy /);

  const fresh = rings(70);
  const { loss, accuracy } = await net.evaluate(fresh);
  const probabilities = await net.predict(fresh.x, { batchSize: 32 });
  expect(probabilities.shape).toEqual([70, 2]);
  const rows = Array.from({ length: 70 }, (_, i) => numbers(probabilities).slice(2 * i, 2 * i + 2));
  const right = rows.map((row, i) => row[i % 2] as number);
  expect(accuracy).toBeCloseTo(right.filter((share) => share > 0.5).length / 70, 5);
  expect(loss).toBeCloseTo(right.reduce((sum, share) => sum - Math.log(share), 0) / 70, 4);
});

test('a functional model with two inputs and two outputs trains all of it', async () => {
  const left = input({ shape: [3], name: 'left' });
  const right = input({ shape: [3], name: 'right' });
  const joined = call(nn.concatenate(), [left, right]);
  const sum = call(nn.dense(1, { name: 'sum' }), joined);
  const gap = call(nn.dense(1, { name: 'gap' }), joined);
  const net = model({ inputs: [left, right], outputs: [sum, gap], ...quiet });
  net.compile({ optimizer: 'adam', learningRate: 0.05, loss: 'mse', lossWeights: { gap: 2 } });
  const data = (of: (i: number) => number, width: number) =>
    tensor(
      Array.from({ length: 64 * width }, (_, i) => of(i)),
      [64, width],
    );
  const a = data((i) => Math.sin(i), 3);
  const b = data((i) => Math.cos(3 * i), 3);
  const row = (value: Tensor, i: number) => numbers(value).slice(3 * i, 3 * i + 3);
  const total = (value: Tensor, i: number) => row(value, i).reduce((x, y) => x + y);
  const samples = {
    x: { left: a, right: b },
    y: {
      sum: data((i) => total(a, i) + total(b, i), 1),
      gap: data((i) => total(a, i) - total(b, i), 1),
    },
  };
  const { history } = await net.fit(samples, { epochs: 150 });
  expect(Object.keys(history)).toEqual(['loss', 'sum_loss', 'gap_loss']);
  const last = Object.fromEntries(
    Object.entries(history).map(([name, of]) => [name, of.at(-1) ?? 1]),
  );
  expect(last.loss).toBeCloseTo((last.sum_loss ?? 0) + 2 * (last.gap_loss ?? 0), 5);
  expect(last.loss).toBeLessThan(1e-3);
  expect(Object.keys(await net.predictAll([a, b]))).toEqual(['sum', 'gap']);
  await expect(net.predict([a, b])).rejects.toThrow(
    'model: has 2 outputs; predictAll gives them all',
  );
});

test('a layer that is used twice shares its weights, and their gradients add up', async () => {
  const [a, b] = [input({ shape: [2], name: 'a' }), input({ shape: [2], name: 'b' })];
  const twin = nn.dense(1, { name: 'twin', useBias: false });
  const gap = call(nn.subtract(), [call(twin, a), call(twin, b)]);
  const net = model({ inputs: [a, b], outputs: gap, ...quiet });
  net.compile({ optimizer: optim.sgd({ learningRate: 1 }), loss: (p) => p.graph.mean(p) });
  expect(net.layers.map((entry) => entry.name)).toEqual(['a', 'b', 'twin', 'subtract']);
  net.setWeights({ 'twin/weight': tensor([2, 5], [2, 1]) });
  const x = [tensor([1, 2], [1, 2]), tensor([3, 7], [1, 2])];
  expect(numbers(await net.predict(x))).toEqual([2 * (1 - 3) + 5 * (2 - 7)]);
  await net.trainOnBatch({ x, y: tensor([0], [1, 1]) });
  // The gradient is that of the first use, a, less that of the second, b.
  expect(numbers(net.getWeights()['twin/weight'] as Tensor)).toEqual([2 - (1 - 3), 5 - (2 - 7)]);
});

test('a model is a layer, with its weights, in as many models as use it', async () => {
  const encoder = sequential([input({ shape: [4] }), nn.dense(2)], { name: 'encoder', ...quiet });
  const x = input({ shape: [4] });
  const code = call(encoder, x);
  const autoencoder = model({ inputs: x, outputs: call(nn.dense(4), code), ...quiet });
  const samples = tensor(
    Array.from({ length: 400 }, (_, i) => Math.sin((i >> 2) * 0.7 + (i % 2))),
    [100, 4],
  );
  autoencoder.compile({ learningRate: 0.03, loss: 'mse' });
  const before = await encoder.predict(samples);
  const { history } = await autoencoder.fit({ x: samples, y: samples }, { epochs: 40 });
  expect(history.loss?.at(-1)).toBeLessThan(0.1 * (history.loss?.[0] ?? 0));
  const after = await encoder.predict(samples);
  expect(numbers(after)).not.toEqual(numbers(before));
  expect(Object.keys(encoder.getWeights())).toEqual(['encoder/dense/weight', 'encoder/dense/bias']);
  expect(Object.keys(autoencoder.getWeights())).toEqual([
    'encoder/dense/weight',
    'encoder/dense/bias',
    'dense/weight',
    'dense/bias',
  ]);
  expect(autoencoder.getLayer('encoder')).toBe(encoder);
});

test('what is frozen stays, statistics included, until it is not', async () => {
  const body = sequential([nn.dense(3), nn.batchNorm()], { name: 'body' });
  const x = input({ shape: [2] });
  const net = model({
    inputs: x,
    outputs: call(nn.dense(1, { name: 'head' }), call(body, x)),
    ...quiet,
  });
  net.compile({ loss: 'mse', learningRate: 0.1 });
  const data = { x: tensor([1, 2, 3, 5, 7, 11], [3, 2]), y: tensor([1, 0, 1]) };
  const moved = async () => {
    const before = net.getWeights();
    await net.fit(data);
    return Object.entries(net.getWeights())
      .filter(([name, now]) => numbers(now).some((v, i) => v !== before[name]?.data[i]))
      .map(([name]) => name);
  };
  body.trainable = false;
  expect(await moved()).toEqual(['head/weight', 'head/bias']);
  body.trainable = true;
  expect(net.freeze('body/dense/*', 'head')).toHaveLength(4);
  expect(await moved()).toEqual([
    'body/batch_norm/scale',
    'body/batch_norm/shift',
    'body/batch_norm/mean',
    'body/batch_norm/variance',
    'body/batch_norm/batches',
  ]);
  expect(net.unfreeze('head')).toEqual(['head/weight', 'head/bias']);
  expect(await moved()).toContain('head/weight');
  net.freeze(/./);
  await expect(net.fit(data)).rejects.toThrow(/model: there is nothing to train/);
  expect(() => net.freeze('haed')).toThrow(/'haed' is no layer or weight; there are body\/dense/);
});

test('losses of probabilities are those of the logits that they came from', async () => {
  const x = tensor([0.5, -1, 2, 3, 0, 1], [2, 3]);
  const y = tensor(Int32Array.of(2, 0));
  const loss = async (layers: nn.Layer[], given: models.Loss, target: Tensor) => {
    const net = sequential([input({ shape: [3] }), ...layers], { threads: 1 });
    return (await net.compile({ loss: given }).evaluate({ x, y: target })).loss;
  };
  const { sparseCategoricalCrossentropy, binaryCrossentropy } = models;
  const raw = (p: Parameters<models.LossFunction>[0], t: typeof p) =>
    losses.softmaxCrossEntropy(p, t);
  const expected = await loss([nn.rescale(1)], raw, y);
  const same = [
    await loss([nn.rescale(1)], 'sparseCategoricalCrossentropy', y),
    await loss([nn.activation('softmax')], 'sparseCategoricalCrossentropy', y),
    await loss(
      [nn.activation('softmax'), nn.rescale(1)],
      sparseCategoricalCrossentropy({ fromLogits: false }),
      y,
    ),
    await loss(
      [nn.activation('softmax')],
      'categoricalCrossentropy',
      tensor([0, 0, 1, 1, 0, 0], [2, 3]),
    ),
  ];
  for (const value of same) expect(value).toBeCloseTo(expected ?? 0, 5);
  const bits = tensor([1, 0, 1, 0, 0, 1], [2, 3]);
  const sigmoid = await loss([nn.activation('sigmoid')], 'binaryCrossentropy', bits);
  const odds = [nn.activation('sigmoid'), nn.rescale(1)];
  expect(await loss(odds, binaryCrossentropy({ fromLogits: false }), bits)).toBeCloseTo(
    sigmoid ?? 0,
    5,
  );
});
