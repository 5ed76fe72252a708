import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Feeds, Tensor } from '@vanda/engine';
import {
  Graph,
  losses,
  nn,
  optim,
  Pipeline,
  Session,
  saveArtifact,
  Trainer,
  tensor,
} from '@vanda/engine';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { readArtifactNetwork } from '../../export/exportable-network.ts';
import { exportModel } from '../../export-model.ts';
import { decodeModel } from '../decode-model.ts';
import { importOnnx } from '../import-onnx.ts';
import { exportOnnx } from './onnx-exporters.ts';
import { OnnxRuntime } from './onnx-runtime.ts';

let folder: string;

/** Pictures of stripes in four directions with noise; the direction is the class. */
function stripes(count: number, seed: number): { pictures: Tensor; labels: number[] } {
  let state = seed;
  const random = () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state / 2147483648;
  };
  const data = new Uint8Array(count * 16 * 16 * 3);
  const labels = Array.from({ length: count }, (_, n) => {
    const label = Math.floor(random() * 4);
    const [dx, dy] = [
      [1, 0],
      [0, 1],
      [0.7, 0.7],
      [0.7, -0.7],
    ][label] as [number, number];
    const [phase, width] = [random() * 6, 0.9 + random() * 0.6];
    for (let i = 0; i < 256; i += 1) {
      const wave = Math.sin((dx * (i % 16) + dy * Math.floor(i / 16)) * width + phase);
      for (let c = 0; c < 3; c += 1) {
        data[(n * 256 + i) * 3 + c] = 128 + 70 * wave + (random() - 0.5) * 110;
      }
    }
    return label;
  });
  return { pictures: tensor(data, [count, 16, 16, 3]), labels };
}

afterAll(() => rm(folder, { recursive: true }));
beforeAll(async () => {
  const graph = new Graph({ seed: 3 });
  const pixels = graph.placeholder('pixels', [null, 16, 16, 3], 'u8');
  const labels = graph.placeholder('labels', [null], 'i32');
  const model = nn.sequential([
    nn.rescale(1 / 127.5, -1),
    nn.conv2d(12, 3, { padding: 'same' }),
    nn.batchNorm(),
    nn.activation('relu'),
    nn.depthwiseConv2d(3, { padding: 'same', stride: 2 }),
    nn.batchNorm(),
    nn.activation('relu'),
    nn.conv2d(24, 1),
    nn.batchNorm(),
    nn.activation('relu'),
    nn.maxPool(2),
    nn.flatten(),
    nn.dense(4),
  ]);
  const loss = losses.softmaxCrossEntropy(model.apply(pixels, { training: true }), labels);
  const scores = graph.softmax(model.apply(pixels, { training: false }));
  const session = new Session(graph, { threads: 2 });
  const { pictures, labels: names } = stripes(800, 5);
  const pipeline = new Pipeline({
    columns: {
      pixels: { data: pictures.data, shape: [16, 16, 3] },
      labels: { data: Int32Array.from(names) },
    },
    batchSize: 32,
    shuffle: true,
    seed: 1,
  });
  const optimizer = optim.adam({ learningRate: 0.005 });
  await new Trainer(session, { pipeline, loss, optimizer }).train({ untilEpoch: 4 });
  folder = await mkdtemp(join(tmpdir(), 'vanda-export-'));
  await saveArtifact(folder, {
    session,
    signatures: { predict: { inputs: { image: pixels }, outputs: { scores } } },
    extra: { labels: ['right', 'down', 'slope', 'rise'], note: 'stripes' },
  });
});

/** The answers of an export in ONNX Runtime, and how many of some labelled pictures it gets right. */
async function accuracyOf(answer: (feeds: Feeds) => Promise<Readonly<Record<string, Tensor>>>) {
  const { pictures, labels } = stripes(400, 77);
  const { scores } = (await answer({ image: pictures })) as { scores: Tensor };
  const right = labels.filter((label, row) => {
    const of = Array.from(scores.data.slice(row * 4, row * 4 + 4) as Float32Array);
    return of.indexOf(Math.max(...of)) === label;
  });
  return right.length / labels.length;
}

async function exported(format: string) {
  const target = await mkdtemp(join(tmpdir(), 'vanda-exported-'));
  onTestFinished(() => rm(target, { recursive: true }));
  const { pictures, labels } = stripes(100, 31);
  const samples = { image: pictures };
  const { files, report } = await exportModel({
    artifact: folder,
    format,
    folder: target,
    samples,
    classes: Int32Array.from(labels),
  });
  expect(files).toEqual(['model.onnx']);
  const bytes = await readFile(join(target, 'model.onnx'));
  const runtime = await OnnxRuntime.open(bytes);
  const accuracy = await accuracyOf((feeds) => runtime.run(feeds));
  await runtime.close();
  return { bytes, report, accuracy };
}

function opsOf(bytes: Uint8Array): string[] {
  return decodeModel(bytes).graph?.node.map(({ opType }) => opType) ?? [];
}

test('f32 gives the same numbers as the network, preprocessing included', async () => {
  const { bytes, report, accuracy } = await exported('onnx');
  expect(report.maxAbsoluteDifference).toBeLessThan(1e-4);
  expect(report.topOneAgreement).toBe(1);
  expect(report.ranWith).toBe('ONNX Runtime');
  expect(report.accuracy).toBe(report.sourceAccuracy);
  expect(report.accuracy).toBeGreaterThan(0.9);
  expect(accuracy, 'the network has learned').toBeGreaterThan(0.9);
  const input = decodeModel(bytes).graph?.input[0];
  expect(input?.type?.tensorType?.elemType, 'pixels go in as bytes').toBe(2);
  const ops = opsOf(bytes);
  expect(
    ops.filter((op) => op === 'Transpose'),
    'at the input, before flatten',
  ).toHaveLength(2);
  expect(ops, 'normalisations are part of the convolutions').not.toContain('Sub');
});

test('labels and what else stands beside the graph are metadata', async () => {
  const { metadata } = await importOnnx((await exported('onnx')).bytes);
  expect(JSON.parse(metadata.labels ?? '')).toEqual(['right', 'down', 'slope', 'rise']);
  expect(metadata.note).toBe('stripes');
});

test('weights in sixteen bits take half the room and change next to nothing', async () => {
  const [whole, half] = [await exported('onnx'), await exported('onnx-f16')];
  expect(half.report.bytes).toBeLessThan(whole.report.bytes * 0.7);
  expect(half.report.maxAbsoluteDifference).toBeLessThan(0.01);
  expect(Math.abs(half.accuracy - whole.accuracy)).toBeLessThanOrEqual(0.005);
});

test('eight bits lose at most one in a hundred, and can be read again', async () => {
  const [whole, small] = [await exported('onnx'), await exported('onnx-int8')];
  expect(opsOf(small.bytes)).toContain('QuantizeLinear');
  expect(whole.accuracy - small.accuracy).toBeLessThanOrEqual(0.01);
  expect(small.report.maxAbsoluteDifference, 'it is another network').toBeGreaterThan(1e-5);
  const again = await importOnnx(small.bytes);
  const session = new Session(again.graph, { threads: 1 });
  const accuracy = await accuracyOf((feeds) => session.run({ ...feeds }, again.outputs));
  expect(Math.abs(accuracy - small.accuracy)).toBeLessThanOrEqual(0.01);
});

test('without a calibration set products run on integers by the range of what comes', async () => {
  const network = await readArtifactNetwork(folder);
  const bytes = await exportOnnx(network, { form: 'int8-dynamic' });
  expect(opsOf(bytes)).toContain('MatMulInteger');
  const runtime = await OnnxRuntime.open(bytes);
  const accuracy = await accuracyOf((feeds) => runtime.run(feeds));
  await runtime.close();
  const whole = (await exported('onnx')).accuracy;
  expect(whole - accuracy).toBeLessThanOrEqual(0.01);
  await expect(exportOnnx(network, { form: 'int8-static' })).rejects.toThrow(/calibration/);
});
