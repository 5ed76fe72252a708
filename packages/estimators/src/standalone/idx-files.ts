import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { VandaError } from '@vanda/contracts';
import type { PictureItem } from '../pictures/read-shards.ts';

/** One pair of IDX files as MNIST comes in: pictures and their labels. */
interface IdxPair {
  images: string;
  labels: string;
  split: PictureItem['split'];
}

const pairNames = [
  { prefix: 'train', split: 'train' },
  { prefix: 't10k', split: 'test' },
] as const;

/** The pairs of a folder by their usual names (gz or not); empty where there are none. */
export async function findIdxPairs(folder: string): Promise<IdxPair[]> {
  const names = new Set(await readdir(folder));
  const find = (stem: string) => [stem, `${stem}.gz`].find((name) => names.has(name));
  return pairNames.flatMap(({ prefix, split }) => {
    const images = find(`${prefix}-images-idx3-ubyte`);
    const labels = find(`${prefix}-labels-idx1-ubyte`);
    if (images === undefined || labels === undefined) return [];
    return [{ images: join(folder, images), labels: join(folder, labels), split }];
  });
}

export async function readIdxPairs(pairs: readonly IdxPair[]): Promise<PictureItem[]> {
  const items: PictureItem[] = [];
  for (const pair of pairs) {
    const images = await readIdx(pair.images, 3);
    const labels = await readIdx(pair.labels, 1);
    const [count = 0, height = 0, width = 0] = images.sizes;
    if (labels.sizes[0] !== count) {
      throw new VandaError('bad-data', `${pair.labels} has another number of items than pictures.`);
    }
    for (let index = 0; index < count; index++) {
      const from = index * height * width;
      items.push({
        picture: {
          data: images.data.subarray(from, from + height * width),
          width,
          height,
          channels: 1,
        },
        label: String(labels.data[index]),
        name: `${pair.images}[${index}]`,
        split: pair.split,
      });
    }
  }
  return items;
}

/** http://yann.lecun.com/exdb/mnist: magic 0, 0, 8 (bytes), dimensions; sizes as big-endian words; the bytes. */
async function readIdx(path: string, dimensions: number) {
  const raw = await readFile(path);
  const bytes = raw[0] === 0x1f && raw[1] === 0x8b ? gunzipSync(raw) : raw;
  const start = 4 + dimensions * 4;
  if (bytes.length < start || bytes.readUInt32BE(0) !== 0x0800 + dimensions) {
    throw new VandaError('bad-data', `${path} is not an IDX file of ${dimensions} dimensions.`);
  }
  const sizes = Array.from({ length: dimensions }, (_, at) => bytes.readUInt32BE(4 + at * 4));
  if (bytes.length !== start + sizes.reduce((product, size) => product * size, 1)) {
    throw new VandaError('bad-data', `${path} does not have the length that its header says.`);
  }
  return { sizes, data: bytes.subarray(start) };
}
