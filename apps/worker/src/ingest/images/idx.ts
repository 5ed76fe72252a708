import { open } from 'node:fs/promises';
import { badData } from '../bad-data.ts';
import type { Split } from '../table/split-column.ts';

/** An IDX file of unsigned bytes: its dimensions, and where its items are. */
export type IdxFile = { path: string; name: string; dimensions: number[]; itemBytes: number };

export type IdxPair = { images: IdxFile; labels: IdxFile; split: Split | undefined };

const itemBytesMax = 64 * 1024 ** 2;

/** The format of MNIST: magic 0 0 8 N, N big-endian sizes, then the bytes. */
export async function readIdxHeader(path: string, name: string): Promise<IdxFile> {
  const file = await open(path, 'r');
  try {
    const header = Buffer.alloc(4 + 4 * 4);
    await file.read(header, 0, header.length, 0);
    const count = header[3] ?? 0;
    const dimensions = Array.from({ length: count }, (_, i) => header.readUInt32BE(4 + 4 * i));
    const itemBytes = dimensions.slice(1).reduce((product, size) => product * size, 1);
    if (itemBytes === 0 || itemBytes > itemBytesMax) {
      throw badData(`${name} says that an item has ${itemBytes} bytes, which no picture has.`);
    }
    return { path, name, dimensions, itemBytes };
  } finally {
    await file.close();
  }
}

/** Where the bytes of the items begin. */
export function idxDataAt(file: IdxFile): number {
  return 4 + 4 * file.dimensions.length;
}

/** Pictures and labels that belong together by their names, such as `train-images-idx3-ubyte`. */
export function pairIdx(files: readonly IdxFile[]): IdxPair[] {
  const images = files.filter(({ dimensions }) => dimensions.length >= 3);
  const labels = files.filter(({ dimensions }) => dimensions.length === 1);
  const only = images.length === 1 && labels.length === 1;
  const pairs = images.map((image) => {
    const match = only ? labels[0] : labels.find((label) => stem(label.name) === stem(image.name));
    if (match === undefined) {
      throw badData(
        `${image.name} has no labels beside it: push ${image.name
          .replace('images', 'labels')
          .replace('idx3', 'idx1')} together with it.`,
      );
    }
    return { images: image, labels: match, split: splitOf(stem(image.name)) };
  });
  const unused = labels.find((label) => !pairs.some((pair) => pair.labels === label));
  if (unused !== undefined || pairs.length === 0) {
    throw badData(`${(unused ?? files[0])?.name} has no pictures beside it.`);
  }
  // Without a part for tests nothing is predefined: "train" then is only a name.
  const predefined = pairs.some(({ split }) => split === 'test' || split === 'validation');
  const order = ['train', 'validation', 'test', undefined];
  return pairs
    .map((pair) => ({ ...pair, split: predefined ? pair.split : undefined }))
    .sort((a, b) => order.indexOf(a.split) - order.indexOf(b.split));
}

function stem(name: string): string {
  return name
    .toLowerCase()
    .replace(/\.gz$/, '')
    .replace(/images|labels/, '')
    .replace(/idx\d/, '')
    .replace(/ubyte/, '')
    .replace(/[^a-z0-9]/g, '');
}

function splitOf(stem: string): Split | undefined {
  if (/t10k|test/.test(stem)) return 'test';
  if (/val/.test(stem)) return 'validation';
  return /train/.test(stem) ? 'train' : undefined;
}
