import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { io, Tensor as TfTensor } from '@tensorflow/tfjs';
import type { Tensor } from '@vanda/engine';
import { Graph, loadArtifact, nn, Session, saveArtifact, tensor } from '@vanda/engine';
import { expect, onTestFinished, test } from 'vitest';
import { exportModel } from '../../export-model.ts';
import { importTfjsLayers } from '../layers-model.ts';
import { readTfjsFolder } from '../model-folder.ts';
import { largestDifference, outputsOf, tensorflow } from '../tensorflow.fixture.ts';

const tf = await tensorflow();
const extra = {
  signature: { output: { kind: 'classes', labels: ['cat', 'dog', 'bird'] } },
  note: 'pets',
};

/** A small network of pictures as bytes, as its estimator makes it, with weights as they begin. */
async function artifact(): Promise<{ folder: string; image: Tensor }> {
  const graph = new Graph({ seed: 3 });
  const pixels = graph.placeholder('image', [null, 16, 16, 3], 'u8');
  const model = nn.sequential([
    nn.rescale(1 / 127.5, -1),
    nn.conv2d(12, 3, { padding: 'same' }),
    nn.batchNorm(),
    nn.activation('relu'),
    nn.depthwiseConv2d(3, { padding: 'same', stride: 2 }),
    nn.batchNorm(),
    nn.activation('tanh'),
    nn.dropout(0.5),
    nn.maxPool(2),
    nn.flatten(),
    nn.dense(3),
  ]);
  const scores = graph.softmax(model.apply(pixels, { training: false }));
  const session = new Session(graph, { threads: 1 });
  const folder = await mkdtemp(join(tmpdir(), 'vanda-tfjs-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const signatures = { predict: { inputs: { image: pixels }, outputs: { scores } } };
  await saveArtifact(folder, { session, signatures, extra });
  session.close();
  const data = Uint8Array.from(
    { length: 40 * 768 },
    (_, i) => (i * 7919 + (i >> 5) * 104729) % 256,
  );
  return { folder, image: tensor(data, [40, 16, 16, 3]) };
}

test('a model becomes files that browsers load, with labels and a report', async () => {
  const { folder, image } = await artifact();
  const out = await mkdtemp(join(tmpdir(), 'vanda-tfjs-out-'));
  onTestFinished(() => rm(out, { recursive: true }));
  const order = { artifact: folder, format: 'tfjs', folder: out, samples: { image } };
  const { files, report } = await exportModel(order);
  expect(files).toEqual(['model.json', 'group1-shard1of1.bin']);
  expect(report).toMatchObject({ items: 40, topOneAgreement: 1, ranWith: 'TensorFlow.js' });
  expect(report.maxAbsoluteDifference).toBeLessThan(1e-5);

  // As a browser does: model.json by its address, the shards beside it.
  const fetchFunc = async (address: string) =>
    new Response(await readFile(join(out, address.split('/').at(-1) ?? '')), {
      headers: {
        'content-type': address.endsWith('.json') ? 'application/json' : 'application/octet-stream',
      },
    });
  const handler = tf.io.browserHTTPRequest('http://models.test/model.json', {
    fetchFunc,
  } as io.LoadOptions);
  const model = await tf.loadLayersModel(handler);
  expect(model.inputs[0]?.shape).toEqual([null, 16, 16, 3]);
  expect(model.getUserDefinedMetadata()).toEqual(extra);
  const source = await loadArtifact(folder, { threads: 1 });
  const { scores } = (await source.run('predict', { image })) as { scores: Tensor };
  source.close();
  const pixels = tf.tensor(Int32Array.from(image.data as Uint8Array), [40, 16, 16, 3], 'int32');
  const given = await (model.predict(pixels) as TfTensor).data();
  expect(largestDifference(given, scores.data as Float32Array)).toBeLessThan(1e-5);
  expect(model.layers.map((layer) => layer.getClassName())).toEqual([
    ...['InputLayer', 'Rescaling', 'Conv2D', 'DepthwiseConv2D', 'MaxPooling2D', 'Flatten', 'Dense'],
  ]);

  const { modelJson, weightBytes } = await readTfjsFolder(out);
  const again = importTfjsLayers(modelJson, weightBytes);
  expect(JSON.parse(again.metadata.signature ?? '')).toEqual(extra.signature);
  expect(again.metadata.note).toBe('pets');
  const feeds = { image: tensor(Int32Array.from(image.data as Uint8Array), image.shape, 'i32') };
  const repeated = (await outputsOf(again, feeds)).scores as Tensor;
  expect(largestDifference(repeated.data, scores.data as Float32Array)).toBeLessThan(1e-5);
});
