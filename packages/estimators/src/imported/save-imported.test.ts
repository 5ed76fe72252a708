import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelSource } from '@vanda/contracts';
import { Graph, loadArtifact, type Node, tensor } from '@vanda/engine';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadPredictor } from '../load-predictor.ts';
import type { ClassPrediction } from '../prediction.ts';
import { type ImportedOptions, saveImported } from './save-imported.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vanda-imported-'));
});
afterAll(() => rm(folder, { recursive: true }));

const source: ModelSource = { format: 'onnx', files: [], backbone: null, package: null };
const plain: ImportedOptions = {
  pixels: null,
  labels: null,
  features: null,
  source,
  engineVersion: '0',
  threads: 1,
};

type Build = (graph: Graph) => { inputs: Node[]; outputs: Record<string, Node>; places?: Node[] };

/** Saves what `build` makes, and loads it as a server does. */
async function served(name: string, build: Build, options: Partial<ImportedOptions> = {}) {
  const graph = new Graph();
  const { inputs, outputs, places = [] } = build(graph);
  const network = {
    graph,
    inputs: Object.fromEntries(inputs.map((node) => [node.name, node])),
    outputs,
    places: new Map(places.map((node, index) => [`place ${index}`, node])),
  };
  const at = join(folder, name);
  const signature = await saveImported(at, network, { ...plain, ...options });
  return { at, signature, predictor: await loadPredictor(at, { threads: 1 }) };
}

const twice: Build = (graph) => {
  const x = graph.placeholder('x', [null, 2]);
  const bit = graph.placeholder('bit', [null], 'bool');
  return {
    inputs: [x, bit],
    outputs: { double: graph.mul(x, 2), bit: graph.cast(bit, 'bool') },
  };
};

describe('an imported network of tensors', () => {
  it('takes and answers values by name, in the shapes of one instance', async () => {
    const { predictor, signature } = await served('twice', twice);
    expect(signature).toEqual({
      task: 'tensors',
      input: {
        kind: 'tensors',
        tensors: [
          { name: 'x', dtype: 'f32', shape: [2] },
          { name: 'bit', dtype: 'bool', shape: [] },
        ],
      },
      output: {
        kind: 'tensors',
        tensors: [
          { name: 'double', dtype: 'f32', shape: [2] },
          { name: 'bit', dtype: 'bool', shape: [] },
        ],
      },
    });
    const instances = Array.from({ length: 300 }, (_, i) => ({ x: [i, -i], bit: i % 2 === 0 }));
    const predictions = await predictor.predict(instances);
    expect(predictions).toEqual(
      instances.map(({ x, bit }) => ({ tensors: { double: x.map((one) => 2 * one), bit } })),
    );
    predictor.close();
  });

  it.each([
    ['another length', { x: [1, 2, 3], bit: true }, /"x" must be lists of 2 \(f32\); a list has 3/],
    [
      'a number for a list',
      { x: 1, bit: true },
      /"x" must be lists of 2 \(f32\); there is no list/,
    ],
    ['a deeper list', { x: [[1], 2], bit: true }, /"x" must hold numbers alone/],
    ['a text', { x: ['1', 2], bit: true }, /"x" must hold numbers alone/],
    ['a number for a bit', { x: [1, 2], bit: 2 }, /"bit" must be true or false/],
    ['a missing input', { x: [1, 2] }, /has no "bit"/],
    ['an inherited input', Object.create({ x: [1, 2], bit: true }), /has no "x"/],
    ['an input too many', { x: [1, 2], bit: true, y: 1 }, /there is no input "y"/],
    ['no object', [1, 2], /must be an object with "x", "bit"/],
    ['nothing', null, /must be an object with "x", "bit"/],
  ])('refuses %s with a sentence that names it', async (_, instance, sentence) => {
    const { predictor } = await served('refusing', twice);
    const good = { x: [1, 2], bit: true };
    await expect(predictor.predict([good, instance])).rejects.toThrow(sentence);
    await expect(predictor.predict([good, instance])).rejects.toThrow(/^Instance 1/);
    predictor.close();
  });

  it('refuses whole numbers that its type or its table does not have', async () => {
    const { predictor } = await served('table', (graph) => {
      const words = graph.placeholder('words', [null, 2], 'i32');
      const table = graph.variable('table', [3, 4], { kind: 'ones' });
      return { inputs: [words], outputs: { vectors: graph.gather(table, words) } };
    });
    // With one input its value stands alone.
    const [first] = await predictor.predict([[0, 2]]);
    expect(first).toEqual({ tensors: { vectors: [Array(4).fill(1), Array(4).fill(1)] } });
    await expect(predictor.predict([[0.5, 1]])).rejects.toThrow(/whole numbers from -2147483648/);
    await expect(predictor.predict([[2 ** 31, 1]])).rejects.toThrow(/whole numbers/);
    await expect(predictor.predict([[0, 9]])).rejects.toMatchObject({ code: 'invalid-request' });
    predictor.close();
  });

  it('never computes callers together where one would change the answer of another', async () => {
    const { predictor } = await served('mixing', (graph) => {
      const x = graph.placeholder('x', [null, 2]);
      return { inputs: [x], outputs: { share: graph.softmax(x, 0) } };
    });
    const both = await predictor.predict([
      [1, 2],
      [30, 40],
    ]);
    expect(both).toEqual([{ tensors: { share: [1, 1] } }, { tensors: { share: [1, 1] } }]);
    predictor.close();
  });
});

const colours: Build = (graph) => {
  const x = graph.placeholder('x', [null, 8, 8, 3]);
  const pooled = graph.globalAvgPool2d(x);
  return {
    inputs: [x],
    outputs: { logits: pooled },
    places: [x, graph.cast(pooled, 'i32'), pooled],
  };
};
const pixels = { subtract: [10, 20, 30], divide: [100] };
const picture = (rgb: { r: number; g: number; b: number }) =>
  sharp({ create: { width: 20, height: 10, channels: 3, background: rgb } })
    .png()
    .toBuffer();

describe('an imported network of pictures', () => {
  it('computes what it was trained on of the pixels, and makes probabilities of logits', async () => {
    const labels = ['red', 'green', 'blue'];
    const { predictor } = await served('colours', colours, { pixels, labels });
    const b64 = (await picture({ r: 210, g: 70, b: 30 })).toString('base64');
    const [first] = (await predictor.predict([{ b64 }, { b64 }])) as ClassPrediction[];
    const powers = [2, 0.5, 0].map(Math.exp);
    const sum = powers.reduce((a, b) => a + b);
    expect(first?.label).toBe('red');
    for (const [i, label] of labels.entries()) {
      expect(first?.scores[label]).toBeCloseTo((powers[i] ?? 0) / sum, 5);
    }
    predictor.close();
  });

  it('can be cut at each place of floats, with the inputs of `predict`', async () => {
    const { at, signature, predictor } = await served('cut', colours, {
      pixels,
      features: 'place 2',
    });
    expect(signature.output).toEqual({
      kind: 'tensors',
      tensors: [{ name: 'logits', dtype: 'f32', shape: [3] }],
    });
    predictor.close();
    const artifact = await loadArtifact(at, { threads: 1 });
    const { predict, layers } = artifact.signatures;
    expect(layers?.inputs).toEqual(predict?.inputs);
    expect(layers?.inputs).toEqual({ image: { dtype: 'u8', shape: [null, 8, 8, 3] } });
    // What the source calls its input is what it takes, behind the pixels.
    expect(layers?.outputs).toEqual({
      'place 0': { dtype: 'f32', shape: [null, 8, 8, 3] },
      'place 2': { dtype: 'f32', shape: [null, 3] },
    });
    expect(artifact.extra).toMatchObject({ features: 'place 2' });
    const image = tensor(new Uint8Array(192).fill(110), [1, 8, 8, 3]);
    const cut = await artifact.run('layers', { image });
    const taken = Array.from(cut['place 0']?.data as Float32Array).slice(0, 3);
    for (const [i, value] of [1, 0.9, 0.8].entries()) expect(taken[i]).toBeCloseTo(value, 6);
    artifact.close();
  });

  it('says why where labels, channels or inputs do not fit', async () => {
    const some = { labels: ['a', 'b', 'c', 'd'], pixels };
    await expect(served('labels', colours, some)).rejects.toThrow(
      /^labels: there are 4, .*: "logits" has 3\.$/,
    );
    const channels = { labels: ['a', 'b', 'c'], pixels: { divide: [1, 2] } };
    await expect(served('channels', colours, channels)).rejects.toThrow(/^divide: there are 2/);
    await expect(served('inputs', twice, { pixels })).rejects.toThrow(/it has 2 inputs/);
    const flat: Build = (graph) => {
      const x = graph.placeholder('x', [null, 192]);
      return { inputs: [x], outputs: { y: x } };
    };
    await expect(served('flat', flat, { pixels })).rejects.toThrow(/its input "x" is \[N, 192\]/);
  });

  it('answers two labels from one number', async () => {
    const { predictor } = await served(
      'binary',
      (graph) => {
        const x = graph.placeholder('x', [null, 8, 8, 1]);
        return { inputs: [x], outputs: { sure: graph.sigmoid(graph.globalAvgPool2d(x)) } };
      },
      { labels: ['no', 'yes'], pixels: { divide: [255] } },
    );
    const b64 = (await picture({ r: 255, g: 255, b: 255 })).toString('base64');
    const [first] = (await predictor.predict([{ b64 }])) as ClassPrediction[];
    expect(first).toMatchObject({ label: 'yes' });
    expect(first?.score).toBeCloseTo(1 / (1 + Math.exp(-1)), 4);
    predictor.close();
  });
});
