import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { backbones } from '@vanda/contracts';
import { losses, nn, optim, Pipeline, Session, Trainer } from '@vanda/engine';
import { afterAll, expect, test } from 'vitest';
import { pictures } from '../tfjs/tensorflow.fixture.ts';
import { openBackbone } from './open-backbone.ts';

const packageFolder = join(createRequire(import.meta.url).resolve('nsfwjs/core'), '../../..');
const folder = await mkdtemp(join(tmpdir(), 'vanda-backbone-'));
afterAll(() => rm(folder, { recursive: true }));

const fromNpm = backbones
  .filter(({ source }) => source.package === 'nsfwjs')
  .map(({ name }) => name);

test.each(fromNpm)('%s has the features and the parameters that the shelf says', async (name) => {
  const { backbone, network, features } = await openBackbone(name, packageFolder);
  expect(features.shape).toEqual([null, backbone.features.width]);
  const [input] = Object.values(network.inputs);
  expect(input?.shape).toEqual([null, backbone.input.size, backbone.input.size, 3]);
  const sizes = network.graph.variables.map(({ shape }) => shape.reduce((a, b) => a * b, 1));
  expect(sizes.reduce((a, b) => a + b, 0)).toBe(backbone.parameters);
});

test('a new head on frozen features learns to tell pictures apart', {
  timeout: 60_000,
}, async () => {
  const { network, features } = await openBackbone('mobilenet_v2', packageFolder);
  const { graph } = network;
  const x = await pictures(224);
  const labels = Int32Array.of(0, 1, 0, 1);
  const label = graph.placeholder('label', [null], 'i32');
  const logits = nn.dense(2, { name: 'new_head' }).apply(features, { training: true });
  const session = new Session(graph);
  const before = session.variables()['Conv1/kernel'];
  const trainer = new Trainer(session, {
    pipeline: new Pipeline({
      columns: {
        input_1: { data: x.data as Float32Array, shape: [224, 224, 3] },
        label: { data: labels },
      },
      batchSize: 4,
      shuffle: false,
    }),
    loss: losses.softmaxCrossEntropy(logits, label),
    optimizer: optim.adam({ learningRate: 0.01 }),
    include: 'dense/*',
  });
  const points: number[] = [];
  await trainer.train({
    untilEpoch: 12,
    onMetrics: (list) => points.push(...list.map((p) => p.loss)),
  });
  expect(points).toHaveLength(12);
  expect(points.at(-1)).toBeLessThan(0.2 * (points[0] as number));
  expect(session.variables()['Conv1/kernel']).toEqual(before);
  session.close();
});

test('a file that is missing, shorter or changed is named before anything of it is read', async () => {
  const shelf = backbones.find(({ name }) => name === 'mobilenet_v2');
  const [model, weights] = (shelf?.files ?? []).map(({ path }) => path) as [string, string];
  await expect(openBackbone('mobilenet_v2', folder)).rejects.toThrow(
    `${model}: is not in the folder`,
  );
  await cp(join(packageFolder, dirname(model)), join(folder, dirname(model)), { recursive: true });
  const bytes = await readFile(join(folder, weights));
  bytes[1000] = (bytes[1000] as number) ^ 1;
  await writeFile(join(folder, weights), bytes);
  await expect(openBackbone('mobilenet_v2', folder)).rejects.toThrow(`${weights}: has the SHA-256`);
  await writeFile(join(folder, weights), bytes.subarray(1));
  await expect(openBackbone('mobilenet_v2', folder)).rejects.toThrow(/has \d+ bytes, not \d+/);
  await expect(openBackbone('vgg16', folder)).rejects.toThrow(
    /there is no 'vgg16'; there are inception_v3/,
  );
});
