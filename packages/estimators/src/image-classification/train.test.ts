import { createHash } from 'node:crypto';
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import {
  completeSpec,
  type ImagesProfile,
  identityOf,
  parseOrThrow,
  trainSpec,
} from '@vanda/contracts';
import sharp from 'sharp';
import tar from 'tar-stream';
import { afterAll, describe, expect, it } from 'vitest';
import { loadPredictor } from '../load-predictor.ts';
import { readTestItems } from '../predictions/read-test-items.fixture.ts';
import { SeededRandom } from '../random.ts';
import { imageClassifier } from '../standalone/estimator.ts';
import { train } from '../train.ts';

const folder = mkdtempSync(join(tmpdir(), 'pictures-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const side = 12;
const random = new SeededRandom(5);

/** Noise with a bright left or right half. */
function pixels(label: string): Uint8Array {
  return Uint8Array.from({ length: side * side }, (_, at) => {
    const bright = at % side < side / 2 === (label === 'left');
    return Math.floor(random.next() * 80) + (bright ? 170 : 0);
  });
}
const png = (data: Uint8Array) =>
  sharp(data, { raw: { width: side, height: side, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();
const nested = (data: Uint8Array) =>
  Array.from({ length: side }, (_, row) => [...data.subarray(row * side, (row + 1) * side)]);

/**
 * Shards as ingest writes them, the second of plain pixels as IDX files give; the last two of every eight are
 * predefined as test. `mislabelled` pictures show the other side than they say.
 */
async function writeShards(
  items: number,
  mislabelled: number[] = [],
): Promise<{ files: string[]; profile: ImagesProfile; contents: Uint8Array[] }> {
  const shards = mkdtempSync(join(folder, 'shards-'));
  const files = [join(shards, 'shard-0.tar'), join(shards, 'shard-1.tar')];
  const contents: Uint8Array[] = [];
  for (const [shard, file] of files.entries()) {
    const pack = tar.pack();
    const output = pack.pipe(createWriteStream(file));
    for (let index = (shard * items) / 2; index < ((shard + 1) * items) / 2; index++) {
      const label = index % 2 === 0 ? 'left' : 'right';
      const key = String(index).padStart(9, '0');
      const split = index % 8 >= 6 ? 'test' : 'train';
      const other = label === 'left' ? 'right' : 'left';
      const picture = pixels(mislabelled.includes(index) ? other : label);
      const header = Buffer.from(`P5\n${side} ${side}\n255\n`);
      const content = shard === 0 ? await png(picture) : Buffer.concat([header, picture]);
      pack.entry({ name: `${key}.${shard === 0 ? 'png' : 'pgm'}` }, content);
      contents.push(content);
      pack.entry(
        { name: `${key}.json` },
        JSON.stringify({ label, name: `${label}/${key}.png`, split }),
      );
    }
    pack.finalize();
    await finished(output);
  }
  const stored = { sha256: '', bytes: 0, items: items / 2 };
  return {
    files,
    contents,
    profile: {
      kind: 'images',
      items,
      splits: { train: items * 0.75, validation: 0, test: items * 0.25 },
      labels: [],
      sizes: [{ width: side, height: side, count: items }],
      channels: 1,
      files: files.map((key) => ({ key, ...stored })),
      preview: { key: '', ...stored },
    },
  };
}

describe('image classification', () => {
  it('trains every kind of model on shards and serves what it trained', async () => {
    const data = await writeShards(160);
    const models = [
      { kind: 'linear' },
      { kind: 'mlp', hidden: [16] },
      { kind: 'cnn', filters: [4, 8], dense: 16, batchNorm: true },
    ];
    for (const model of models) {
      const given = { name: 'm', task: 'image-classification', dataset: 'd', model };
      const training = { epochs: 12, optimizer: { kind: 'adam', learningRate: 0.01 } };
      const parsed = parseOrThrow(trainSpec, { ...given, training });
      const { spec } = completeSpec(parsed, 'd@1', data.profile);
      const workDir = mkdtempSync(join(folder, 'run-'));
      const options = { workDir, threads: 1, signal: new AbortController().signal };
      const events = { progress() {}, metrics() {}, log() {} };
      const result = await train(spec, data, options, events);
      expect(result.metrics.test, model.kind).toMatchObject({ accuracy: 1, count: 40 });
      expect(result.metrics.validation?.count).toBe(12);

      const predictor = await loadPredictor(result.artifact, { threads: 1 });
      await predictor.warm();
      const picture = pixels('right');
      const [fromFile, fromPixels] = await predictor.predict([
        { b64: (await png(picture)).toString('base64') },
        nested(picture),
      ]);
      expect(fromFile).toMatchObject({ label: 'right' });
      expect(fromPixels).toEqual(fromFile);
      const large = await sharp(await png(picture))
        .resize(120, 120, { kernel: 'nearest' })
        .png()
        .toBuffer();
      const [resized] = await predictor.predict([{ b64: large.toString('base64') }]);
      expect(resized).toMatchObject({ label: 'right' });
      await expect(
        predictor.predict([nested(picture), { b64: 'bm8gcGljdHVyZQ==' }]),
      ).rejects.toThrow(/^Instance 1: It is not a picture/);
      predictor.close();
    }
  });

  it('keeps its answers on the test split, with the pictures that it took for something else', async () => {
    const { contents, ...data } = await writeShards(160, [7, 126]);
    const given = { name: 'm', task: 'image-classification', dataset: 'd' };
    const training = { epochs: 12, optimizer: { kind: 'adam', learningRate: 0.01 } };
    const parsed = parseOrThrow(trainSpec, { ...given, model: { kind: 'linear' }, training });
    const { spec } = completeSpec(parsed, 'd@1', data.profile);
    const workDir = mkdtempSync(join(folder, 'run-'));
    const options = { workDir, threads: 1, signal: new AbortController().signal };
    const result = await train(spec, data, options, { progress() {}, metrics() {}, log() {} });
    expect(result.predictions?.items).toBe(40);
    const { head, records } = readTestItems(result.predictions?.testItems ?? '');
    expect(head).toMatchObject({ items: 40, labels: ['left', 'right'] });
    expect(records.map(([, row]) => row).sort((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 160 }, (_, row) => row).filter((row) => row % 8 >= 6),
    );
    for (const [identity, row = 0] of records) {
      const hash = createHash('sha256')
        .update(contents[row] ?? '')
        .digest();
      expect(identity).toBe(identityOf(hash));
    }
    expect(records.map(([identity]) => identity)).toEqual(
      records.map(([identity]) => Number(identity)).sort((a, b) => a - b),
    );
    const { rows, preview } = head.examples;
    expect(rows.toSorted((a, b) => a - b)).toEqual([7, 126]);
    if (preview.kind !== 'images') throw new Error('not pictures');
    const shown = preview.pictures[rows.indexOf(126)];
    expect(shown).toMatchObject({ label: 'left', name: 'left/000000126.png', width: side });
    const small = Buffer.from(shown?.thumbnail.split(',')[1] ?? '', 'base64');
    const { data: bytes } = await sharp(small)
      .greyscale()
      .raw()
      .toBuffer({ resolveWithObject: true });
    // It says left and is bright on the right.
    expect((bytes[side - 2] ?? 0) - (bytes[1] ?? 0)).toBeGreaterThan(60);
  });

  it('learns the same from pictures that are decoded when they are needed', async () => {
    const data = await writeShards(96);
    const given = { name: 'm', task: 'image-classification', dataset: 'd' };
    const training = { epochs: 3, augment: { flip: true, crop: 0.1 } };
    const parsed = parseOrThrow(trainSpec, { ...given, model: { kind: 'linear' }, training });
    const { spec } = completeSpec(parsed, 'd@1', data.profile);
    const trained = async (pixelsBytesMax: number) => {
      const workDir = mkdtempSync(join(folder, 'run-'));
      const kept: boolean[] = [];
      const options = { workDir, threads: 1, signal: new AbortController().signal, pixelsBytesMax };
      const metrics = () => void kept.push(existsSync(join(workDir, 'pictures.u8')));
      const result = await train(spec, data, options, { progress() {}, metrics, log() {} });
      const weights = readFileSync(join(result.artifact, 'weights.safetensors'));
      return { kept: kept.some(Boolean), weights, metrics: result.metrics };
    };
    const pixels = 96 * side * side;
    const fromFile = await trained(pixels);
    const onTheWay = await trained(pixels - 1);
    expect([fromFile.kept, onTheWay.kept]).toEqual([true, false]);
    expect(onTheWay.weights.equals(fromFile.weights)).toBe(true);
    expect(onTheWay.metrics.test).toEqual(fromFile.metrics.test);
  });

  it('varies the pictures that it trains on, the same way each time', async () => {
    const data = await writeShards(64);
    const trained = async (augment?: object) => {
      const given = { name: 'm', task: 'image-classification', dataset: 'd' };
      const training = { epochs: 2, augment };
      const parsed = parseOrThrow(trainSpec, { ...given, model: { kind: 'linear' }, training });
      const { spec } = completeSpec(parsed, 'd@1', data.profile);
      const workDir = mkdtempSync(join(folder, 'run-'));
      const options = { workDir, threads: 1, signal: new AbortController().signal };
      const { artifact } = await train(spec, data, options, {
        progress() {},
        metrics() {},
        log() {},
      });
      return createHash('sha256')
        .update(readFileSync(join(artifact, 'weights.safetensors')))
        .digest('hex');
    };
    const varied = await trained({ rotate: 20, brightness: 0.3 });
    expect(await trained({ rotate: 20, brightness: 0.3 })).toBe(varied);
    expect(await trained()).not.toBe(varied);
  });

  it('fits a folder of pictures from a script', async () => {
    const root = join(folder, 'by-label');
    for (const label of ['left', 'right']) {
      mkdirSync(join(root, label), { recursive: true });
      for (let index = 0; index < 30; index++) {
        writeFileSync(join(root, label, `${index}.png`), await png(pixels(label)));
      }
    }
    writeFileSync(join(root, 'left', 'notes.png'), 'no picture at all');
    const model = await imageClassifier({
      model: { kind: 'linear' },
      training: { epochs: 15, optimizer: { kind: 'adam', learningRate: 0.01 } },
    }).fit(root);
    expect(model.warnings).toHaveLength(1);
    expect(model.warnings[0]).toMatch(/notes\.png is left out: It is not a picture/);
    expect(model.metrics.test?.accuracy).toBe(1);
    const saved = join(folder, 'saved');
    await model.save(saved);
    const [before] = await model.predict([nested(pixels('left'))]);
    expect(before?.label).toBe('left');
    model.close();
    const loaded = await loadPredictor(saved, { threads: 1 });
    expect(await loaded.predict([nested(pixels('left'))])).toMatchObject([{ label: 'left' }]);
    loaded.close();
  });
});
