import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Node, Tensor } from './index.ts';
import {
  Graph,
  loadArtifact,
  losses,
  nn,
  openBase,
  optim,
  Pipeline,
  Session,
  saveArtifact,
  Trainer,
  tensor,
} from './index.ts';

const side = 8;
const rows = 24;
const pixels = Uint8Array.from({ length: rows * side * side }, (_, at) => (at * 37 + 11) % 256);
const labels = Int32Array.from({ length: rows }, (_, at) => at % 2);
const picture = (n: number) => tensor(pixels.slice(0, n * side * side), [n, side, side, 1]);

/** A trained network with normalisation, saved with its places. */
async function saved(dtype: 'u8' | 'f32' = 'u8') {
  const graph = new Graph({ seed: 4 });
  const image = graph.placeholder('pixels', [null, side, side, 1], dtype);
  const label = graph.placeholder('label', [null], 'i32');
  const layers: Record<string, nn.Layer> = {
    scaled: nn.rescale(1 / 255),
    first: nn.conv2d(4, 3, { activation: 'relu' }),
    normal: nn.batchNorm({ momentum: 0.9 }),
    second: nn.conv2d(6, 3, { activation: 'relu' }),
    pooled: nn.globalAvgPool(),
    logits: nn.dense(2),
  };
  const apply = (training: boolean) => {
    const places: Record<string, Node> = {};
    let x = image;
    for (const [name, layer] of Object.entries(layers)) {
      x = layer.apply(x, { training });
      places[name] = x;
    }
    return places;
  };
  const loss = losses.softmaxCrossEntropy(apply(true).logits as Node, label);
  const places = apply(false);
  const session = new Session(graph, { threads: 1 });
  const data = dtype === 'u8' ? pixels : Float32Array.from(pixels);
  const columns = { pixels: { data, shape: [side, side, 1] }, label: { data: labels } };
  const pipeline = new Pipeline({ columns, batchSize: 8 });
  await new Trainer(session, {
    pipeline,
    loss,
    optimizer: optim.adam({ learningRate: 0.01 }),
  }).train({ untilEpoch: 3 });
  const dir = mkdtempSync(join(tmpdir(), 'vanda-base-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const outputs = { scores: graph.softmax(places.logits as Node) };
  await saveArtifact(dir, {
    session,
    signatures: {
      predict: { inputs: { image }, outputs },
      layers: { inputs: { image }, outputs: places },
    },
    extra: { features: 'pooled' },
  });
  return { dir, session };
}

/** Trains a new head of two labels on an opened base, and answers what moved. */
async function retrained(dir: string, layer: string, unfrozen?: string | 'all') {
  const base = await openBase(dir, { layer, seed: 9 });
  const { graph } = base;
  const label = graph.placeholder('label', [null], 'i32');
  const before = new Set(graph.variables.map(({ name }) => name));
  const flat = nn.flatten().apply(base.features, { training: true });
  const logits = graph.scoped('head', '', () => nn.dense(2).apply(flat, { training: true }));
  const head = graph.variables.filter(({ name }) => !before.has(name)).map(({ node }) => node);
  const own =
    unfrozen === undefined ? [] : base.weightsFrom(unfrozen === 'all' ? undefined : unfrozen);
  const session = new Session(graph, { threads: 1 });
  const first = session.variables();
  const columns = {
    pixels: { data: pixels, shape: [side, side, 1] },
    label: { data: labels.map((one) => 1 - one) },
  };
  const trainer = new Trainer(session, {
    pipeline: new Pipeline({ columns, batchSize: 8 }),
    loss: losses.softmaxCrossEntropy(logits, label),
    optimizer: optim.adam({ learningRate: 0.01 }),
    variables: [...own, ...head],
  });
  await trainer.train({ untilEpoch: 2 });
  const last = session.variables();
  const same = (name: string) => bytesOf(first[name]).equals(bytesOf(last[name]));
  return Object.keys(first).filter((name) => !same(name));
}

function bytesOf(value: Tensor | undefined): Buffer {
  return Buffer.from(new Float32Array((value?.data ?? []) as Float32Array).buffer);
}

test('a base is cut at a place and computes there what the whole network does', async () => {
  const { dir, session } = await saved();
  const artifact = await loadArtifact(dir, { threads: 1 });
  const whole = await artifact.run('layers', { image: picture(5) });
  for (const layer of ['first', 'normal', 'second', 'pooled', 'logits']) {
    const base = await openBase(dir, { layer });
    const own = new Session(base.graph, { threads: 1 });
    const { features } = await own.run({ pixels: picture(5) }, { features: base.features });
    expect(features, layer).toEqual(whole[layer]);
    expect([...base.layers.keys()].at(-1)).toBe(layer);
  }
  const base = await openBase(dir);
  expect(base.layer).toBe('pooled');
  expect(Object.keys(base.inputs)).toEqual(['pixels']);
  expect([...base.layers.keys()]).toEqual(['scaled', 'first', 'normal', 'second', 'pooled']);
  // The old head is gone, and with it its weights.
  const names = base.graph.variables.map(({ name }) => name);
  expect(names).toContain('batch_norm/mean');
  expect(names.some((name) => name.startsWith('dense'))).toBe(false);
  expect(names.length).toBeLessThan(session.graph.variables.length);
});

test('frozen weights and statistics stay as they are, bit for bit; unfrozen ones move', async () => {
  const { dir } = await saved();
  const head = ['head/dense/bias', 'head/dense/weight'];
  const sorted = async (unfrozen?: string) => (await retrained(dir, 'pooled', unfrozen)).sort();
  expect(await sorted()).toEqual(head);
  const second = ['conv2d_1/bias', 'conv2d_1/kernel'];
  expect(await sorted('second')).toEqual([...second, ...head].sort());
  // A layer's own weights move with it; kept statistics never do, since they are what the base computes with.
  const normal = ['batch_norm/scale', 'batch_norm/shift', ...second, ...head].sort();
  expect(await sorted('normal')).toEqual(normal);
  const all = ['conv2d/bias', 'conv2d/kernel', ...normal].sort();
  expect(await sorted('all')).toEqual(all);
  expect(await sorted('scaled')).toEqual(all);
});

test('normalisation of a base goes by its kept statistics and not by the batch', async () => {
  const { dir } = await saved();
  const base = await openBase(dir, { layer: 'pooled' });
  const session = new Session(base.graph, { threads: 1 });
  const fetches = { features: base.features };
  const alone = (await session.run({ pixels: picture(1) }, fetches)).features;
  const among = (await session.run({ pixels: picture(7) }, fetches)).features;
  const width = alone.data.length;
  for (const [at, value] of [...(alone.data as Float32Array)].entries()) {
    expect(among.data[at]).toBeCloseTo(value, 5);
  }
  expect(width).toBe(6);
});

test('what feeds a base may be of another size, or bytes that are made into its numbers', async () => {
  const { dir } = await saved('f32');
  const base = await openBase(dir, {
    feed: (front) => {
      const image = front.placeholder('image', [null, 12, 12, 1], 'u8');
      return { image: front.div(front.sub(front.cast(image, 'f32'), 3), 2) };
    },
  });
  expect(Object.keys(base.inputs)).toEqual(['image']);
  expect(base.layers.get('second')?.shape).toEqual([null, 8, 8, 6]);
  expect(base.features.shape).toEqual([null, 6]);
  const same = await openBase(dir, {
    feed: (front) => {
      const image = front.placeholder('image', [null, side, side, 1], 'u8');
      return { image: front.div(front.sub(front.cast(image, 'f32'), 3), 2) };
    },
  });
  const plain = await openBase(dir);
  const numbers = Float32Array.from(picture(3).data as Uint8Array, (value) => (value - 3) / 2);
  const [mine, theirs] = [new Session(same.graph), new Session(plain.graph)];
  expect(await mine.run({ image: picture(3) }, { out: same.features })).toEqual(
    await theirs.run({ pixels: tensor(numbers, [3, side, side, 1]) }, { out: plain.features }),
  );
  await expect(
    openBase(dir, {
      feed: (front) => ({ image: front.placeholder('image', [null, side, side, 1], 'u8') }),
    }),
  ).rejects.toThrow('image: is u8; the base takes f32');
});

test('a layer that is not there is answered with those that are near', async () => {
  const { dir } = await saved();
  await expect(openBase(dir, { layer: 'secnod' })).rejects.toThrow(
    /secnod: there is no layer of that name; near are second, /,
  );
  const base = await openBase(dir);
  expect(() => base.weightsFrom('logit')).toThrow(/near are/);
  const graph = new Graph();
  const x = graph.placeholder('x', [null, 2]);
  const without = mkdtempSync(join(tmpdir(), 'vanda-base-'));
  onTestFinished(() => rmSync(without, { recursive: true }));
  await saveArtifact(without, {
    session: new Session(graph),
    signatures: { predict: { inputs: { x }, outputs: { y: graph.relu(x) } } },
  });
  await expect(openBase(without)).rejects.toThrow(/names no layers/);
});
