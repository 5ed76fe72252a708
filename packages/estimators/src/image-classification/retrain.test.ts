import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  baseModelOf,
  type CompletedSpec,
  completeSpec,
  type JobProgress,
  type LogLine,
  type MetricPoint,
  parseOrThrow,
  trainSpec,
} from '@vanda/contracts';
import { loadArtifact, readSafetensors, tensor } from '@vanda/engine';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadPredictor } from '../load-predictor.ts';
import { SeededRandom } from '../random.ts';
import { imageClassifier } from '../standalone/estimator.ts';
import { openPictures } from '../standalone/open-pictures.ts';
import { trainImageClassification } from './train.ts';

const folder = mkdtempSync(join(tmpdir(), 'retrain-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const side = 16;
const random = new SeededRandom(5);

/** Noise with one bright quarter. */
function pixels(quarter: number): Uint8Array {
  return Uint8Array.from({ length: side * side }, (_, at) => {
    const [row, column] = [Math.floor(at / side), at % side];
    const own = (row < side / 2 ? 0 : 2) + (column < side / 2 ? 0 : 1);
    return Math.floor(random.next() * 80) + (own === quarter ? 170 : 0);
  });
}
const nested = (data: Uint8Array) =>
  Array.from({ length: side }, (_, row) => [...data.subarray(row * side, (row + 1) * side)]);

/** A folder with one sub-folder for each label, of which each is one quarter. */
async function writePictures(labels: Record<string, number>, each: number): Promise<string> {
  const root = mkdtempSync(join(folder, 'pictures-'));
  for (const [label, quarter] of Object.entries(labels)) {
    mkdirSync(join(root, label));
    for (let index = 0; index < each; index++) {
      const raw = { width: side, height: side, channels: 1 as const };
      const png = await sharp(pixels(quarter), { raw }).toColourspace('b-w').png().toBuffer();
      writeFileSync(join(root, label, `${index}.png`), png);
    }
  }
  return root;
}

const base = join(folder, 'base');
let pictures = '';
beforeAll(async () => {
  const upper = await writePictures({ left: 0, right: 1 }, 40);
  const model = await imageClassifier({
    threads: 1,
    model: { kind: 'cnn', filters: [6, 8], dense: 12, batchNorm: true },
    training: { epochs: 12, optimizer: { kind: 'adam', learningRate: 0.01 } },
  }).fit(upper);
  await model.save(base);
  model.close();
  pictures = await writePictures({ first: 2, second: 3, third: 0 }, 30);
});

interface Trained {
  artifact: string;
  spec: CompletedSpec;
  accuracy: number | undefined;
  progress: JobProgress[];
  points: MetricPoint[];
  log: LogLine[];
  checkpoints: string[];
  previews: string[];
}

/** Trains as a job does. Stops after `stopAfter` checkpoints. */
async function trained(
  given: { model?: object; training?: object },
  options: {
    baseFolder?: string;
    resumeFrom?: string;
    stopAfter?: number;
    previews?: boolean;
    bytesMax?: number;
  } = {},
): Promise<Trained> {
  const { baseFolder = base } = options;
  const workDir = mkdtempSync(join(folder, 'run-'));
  const { profile, items } = await openPictures(pictures);
  const said = baseModelOf(
    'quarters@1',
    JSON.parse(readFileSync(join(baseFolder, 'model.json'), 'utf8')),
  );
  const spec = completeSpec(
    parseOrThrow(
      trainSpec,
      {
        name: 'm',
        task: 'image-classification',
        dataset: 'd',
        model: { kind: 'retrain', base: 'quarters', ...given.model },
        training: {
          epochs: 8,
          batchSize: 16,
          earlyStopping: null,
          optimizer: { kind: 'adam', learningRate: 0.02 },
          ...given.training,
        },
      },
      'invalid-spec',
    ),
    'd@1',
    profile,
    said,
  ).spec;
  const stop = new AbortController();
  const seen = {
    progress: [] as JobProgress[],
    points: [] as MetricPoint[],
    log: [] as LogLine[],
    checkpoints: [] as string[],
    previews: [] as string[],
  };
  const run = {
    spec,
    workDir,
    threads: 1,
    baseFolder,
    signal: stop.signal,
    previewEveryMs: 0,
    ...(options.resumeFrom && { resumeFrom: options.resumeFrom }),
    ...(options.bytesMax !== undefined && { pixelsBytesMax: options.bytesMax }),
    events: {
      progress: (one: JobProgress) => void seen.progress.push(one),
      metrics: (points: MetricPoint[]) => void seen.points.push(...points),
      log: (line: LogLine) => void seen.log.push(line),
      // What is written at each epoch takes most of the time of so small a training.
      ...(options.stopAfter !== undefined && {
        checkpoint: ({ path }: { path: string }) => {
          seen.checkpoints.push(path);
          if (seen.checkpoints.length === options.stopAfter) stop.abort(new Error('stopped'));
        },
      }),
      ...(options.previews && {
        preview: ({ folder: at }: { folder: string }) => void seen.previews.push(at),
      }),
    },
  };
  const result = await trainImageClassification(run, profile, [], items).catch((error) => {
    if (options.stopAfter === undefined) throw error;
    return null;
  });
  return {
    ...seen,
    spec,
    artifact: result?.artifact ?? '',
    accuracy: result?.metrics.test?.accuracy,
  };
}

const weightsOf = async (artifact: string) =>
  (await readSafetensors(join(artifact, 'weights.safetensors'))).tensors;

describe('retraining', { timeout: 60_000 }, () => {
  it('puts a new head on what a frozen base says, and serves the two as one network', async () => {
    const run = await trained(
      { model: { hidden: [8], dropout: 0.1 }, training: { epochs: 12 } },
      { previews: true },
    );
    expect(run.spec.model).toMatchObject({
      base: 'quarters@1',
      layer: 'dense_1',
      unfreeze: 'none',
      input: { size: side, channels: 1 },
    });
    expect(run.accuracy).toBeGreaterThan(0.85);
    expect(run.progress.map(({ phase }) => phase)).toContain('features');
    const percents = run.progress.map(({ percent }) => percent);
    expect(percents).toEqual([...percents].sort((a, b) => a - b));
    expect(
      run.log.some(({ text }) => text.includes('of "dense_1" of quarters@1, which stays as it is')),
    ).toBe(true);
    const [before, after] = [await weightsOf(base), await weightsOf(run.artifact)];
    const own = Object.keys(after).filter((name) => !name.startsWith('head/'));
    expect(own).toContain('batch_norm/mean');
    for (const name of own) expect(after[name], name).toEqual(before[name]);
    expect(
      Object.keys(after)
        .filter((name) => name.startsWith('head/'))
        .sort(),
    ).toEqual(['head/dense/bias', 'head/dense/weight', 'head/dense_1/bias', 'head/dense_1/weight']);
    const predictor = await loadPredictor(run.artifact, { threads: 1 });
    expect(await predictor.predict([nested(pixels(2))])).toMatchObject([{ label: 'first' }]);
    predictor.close();
    const preview = await loadPredictor(run.previews.at(-1) ?? '', { threads: 1 });
    expect(preview.signature).toEqual(predictor.signature);
    expect(await preview.predict([nested(pixels(2))])).toMatchObject([{ label: 'first' }]);
    preview.close();
  });

  it('answers what the whole network says in each step, where features do not fit the disk', async () => {
    const [kept, each] = [await trained({}), await trained({}, { bytesMax: 1 })];
    expect(each.progress.map(({ phase }) => phase)).not.toContain('features');
    const ask = async (artifact: string) => {
      const loaded = await loadArtifact(artifact, { threads: 1 });
      const image = tensor(pixels4, [4, side, side, 1]);
      const { scores } = await loaded.run('predict', { image });
      loaded.close();
      return Array.from(scores?.data ?? [], Number);
    };
    const pixels4 = Uint8Array.from([0, 1, 2, 3].flatMap((quarter) => [...pixels(quarter)]));
    const [first, second] = [await ask(kept.artifact), await ask(each.artifact)];
    for (const [at, score] of first.entries()) expect(second[at]).toBeCloseTo(score, 3);
  });

  it('moves all of the base, or what comes from a layer on, and keeps its statistics', async () => {
    const before = await weightsOf(base);
    const movedBy = async (unfreeze: string) => {
      const { artifact, progress, spec } = await trained({
        model: { unfreeze },
        training: { epochs: 2, optimizer: undefined },
      });
      expect(spec.training.optimizer).toEqual({ kind: 'adam', learningRate: 0.0001 });
      expect(progress.map(({ phase }) => phase)).not.toContain('features');
      const after = await weightsOf(artifact);
      const bytes = (tensors: typeof before, name: string) =>
        Buffer.from(new Float32Array((tensors[name]?.data ?? []) as Float32Array).buffer);
      return Object.keys(before)
        .filter((name) => name in after && !bytes(after, name).equals(bytes(before, name)))
        .sort();
    };
    expect(await movedBy('dense_1')).toEqual(['dense/bias', 'dense/weight']);
    const all = Object.keys(before).filter((name) => !/mean|variance|batches|dense_1/.test(name));
    expect(await movedBy('all')).toEqual(all.sort());
  });

  it('says where nothing of the base can move', async () => {
    const { log } = await trained({
      model: { layer: 'flatten_1', unfreeze: 'flatten_1' },
      training: { epochs: 1 },
    });
    const warned = log.filter(({ level }) => level === 'warn').map(({ text }) => text);
    expect(warned).toEqual([
      'What comes from "flatten_1" of quarters@1 on has no weights that could move: only the new head is trained.',
    ]);
  });

  it.each([
    ['features', {}],
    ['the whole network', { augment: { brightness: 0.2 } }],
  ])('ends with the same bits when it is resumed, by %s', async (_, training) => {
    const undisturbed = await trained({ training });
    const cut = await trained({ training }, { stopAfter: 3 });
    const resumeFrom = cut.checkpoints.at(-1) ?? '';
    const resumed = await trained({ training }, { resumeFrom });
    const bytes = (run: Trained) => readFileSync(join(run.artifact, 'weights.safetensors'));
    expect(bytes(resumed).equals(bytes(undisturbed))).toBe(true);
    expect(resumed.points.length).toBeLessThan(undisturbed.points.length);
  });

  it('can be the base of the next one, with every place of both', async () => {
    const first = await trained({ model: { hidden: [8] } });
    const said = baseModelOf(
      'm@1',
      JSON.parse(readFileSync(join(first.artifact, 'model.json'), 'utf8')),
    );
    expect(said).toMatchObject({ features: 'head/dense_1', input: { size: side, channels: 1 } });
    expect(said.layers).toEqual([
      'rescale_1',
      'conv2d_1',
      'batchNorm_1',
      'activation_1',
      'maxPool_1',
      'conv2d_2',
      'batchNorm_2',
      'activation_2',
      'maxPool_2',
      'flatten_1',
      'dense_1',
      'head/dense_1',
      'head/logits',
    ]);
    const next = await trained({}, { baseFolder: first.artifact });
    const names = Object.keys(await weightsOf(next.artifact));
    expect(names).toContain('head/dense/weight');
    expect(names).toContain('head_2/dense/weight');
    expect(names).not.toContain('head/dense_1/weight');
    const pooled = await trained({ model: { layer: 'maxPool_1' } }, { baseFolder: first.artifact });
    expect(Object.keys(await weightsOf(pooled.artifact))).not.toContain('conv2d_1/kernel');
    expect(pooled.accuracy).toBeGreaterThan(0.34);
  });

  it('takes pictures of another size where the base can', async () => {
    const input = { size: 20 };
    const { accuracy, artifact } = await trained({ model: { layer: 'activation_2', input } });
    expect(accuracy).toBeDefined();
    const predictor = await loadPredictor(artifact, { threads: 1 });
    expect(predictor.signature.input).toEqual({ kind: 'picture', size: 20, channels: 1 });
    predictor.close();
    await expect(trained({ model: { input } })).rejects.toThrow(
      /\/model\/input\/size: quarters@1 does not take pictures of 20 pixels: leave the size out for its own, 16/,
    );
  });
});
