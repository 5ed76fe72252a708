import { open } from 'node:fs/promises';
import { VandaError } from '@vanda/contracts';
import { splitCode } from '../splits/assign-splits.ts';
import { decodePicture, type PictureShape } from './decode-picture.ts';
import type { PictureItem, PicturePlace } from './read-shards.ts';

/** Pictures that are decoded at the same time; sharp works on its own threads. */
const decodedAtOnce = 16;

export interface PictureCache {
  /** [items, size, size, channels] bytes, which the engine maps into memory. */
  file: string;
  items: number;
  labels: string[];
  /** The label of each item, as an index. */
  classes: Int32Array;
  /** One splitCode an item, as the data predefines it. */
  predefined: Uint8Array;
  /** Where each picture lies in the shards; null where it came from elsewhere. */
  places: PicturePlaces | null;
}

/** Of millions of pictures, in columns. */
export class PicturePlaces {
  readonly #files: string[] = [];
  readonly #file: Uint32Array;
  readonly #offset: Float64Array;
  readonly #bytes: Uint32Array;

  constructor(items: number) {
    this.#file = new Uint32Array(items);
    this.#offset = new Float64Array(items);
    this.#bytes = new Uint32Array(items);
  }

  set(item: number, { file, offset, bytes }: PicturePlace): void {
    if (this.#files.at(-1) !== file) this.#files.push(file);
    this.#file[item] = this.#files.length - 1;
    this.#offset[item] = offset;
    this.#bytes[item] = bytes;
  }

  get(item: number): PicturePlace {
    return {
      file: this.#files[this.#file[item] ?? 0] ?? '',
      offset: this.#offset[item] ?? 0,
      bytes: this.#bytes[item] ?? 0,
    };
  }
}

/** Decodes every picture once, in parallel, into a file of pixels; memory stays flat. */
export async function decodeToCache(options: {
  source: AsyncIterable<PictureItem>;
  items: number;
  shape: PictureShape;
  file: string;
  signal: AbortSignal;
  onProgress: (fraction: number) => void;
}): Promise<PictureCache> {
  const { shape, items, signal } = options;
  const pictureBytes = shape.size * shape.size * shape.channels;
  const codes = new Map<string, number>();
  const classes = new Int32Array(items);
  const predefined = new Uint8Array(items);
  let places: PicturePlaces | null = null;
  const output = await open(options.file, 'w');
  const running = new Set<Promise<void>>();
  let failed: unknown;
  let count = 0;
  const store = async (item: PictureItem, index: number): Promise<void> => {
    const pixels = await decodeItem(item, shape);
    await output.write(pixels, 0, pictureBytes, index * pictureBytes);
  };
  try {
    for await (const item of options.source) {
      signal.throwIfAborted();
      if (failed !== undefined) throw failed;
      if (count >= items) throw wrongCount(items);
      let code = codes.get(item.label);
      if (code === undefined) {
        code = codes.size;
        codes.set(item.label, code);
      }
      classes[count] = code;
      predefined[count] = item.split === null ? splitCode.undecided : splitCode[item.split];
      if (item.place) {
        places ??= new PicturePlaces(items);
        places.set(count, item.place);
      }
      const task: Promise<void> = store(item, count)
        .catch((error) => {
          failed ??= error;
        })
        .finally(() => running.delete(task));
      running.add(task);
      count++;
      if (running.size >= decodedAtOnce) await Promise.race(running);
      if (count % 512 === 0) options.onProgress(count / items);
    }
    await Promise.all(running);
    if (failed !== undefined) throw failed;
    if (count !== items) throw wrongCount(items);
  } finally {
    await Promise.allSettled(running);
    await output.close();
  }
  const found = [...codes.keys()];
  const labels = found.toSorted(compareLabels);
  const place = new Map(labels.map((label, index) => [label, index]));
  const reorder = found.map((label) => place.get(label) ?? 0);
  for (let index = 0; index < items; index++) classes[index] = reorder[classes[index] ?? 0] ?? 0;
  return { file: options.file, items, labels, classes, predefined, places };
}

async function decodeItem(item: PictureItem, shape: PictureShape): Promise<Uint8Array> {
  try {
    return await decodePicture(item.picture, shape);
  } catch (error) {
    if (!(error instanceof VandaError)) throw error;
    throw new VandaError(error.code, `${item.name}: ${error.message}`, undefined, { cause: error });
  }
}

/** Numbers by value, then texts by code unit: 2 before 10, the same on every machine. */
function compareLabels(a: string, b: string): number {
  const [numberA, numberB] = [/^\d{1,15}$/.test(a), /^\d{1,15}$/.test(b)];
  if (numberA && numberB && Number(a) !== Number(b)) return Number(a) - Number(b);
  if (numberA !== numberB) return numberA ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

function wrongCount(items: number): VandaError {
  return new VandaError(
    'internal',
    `The files of this dataset hold another number of pictures than its ${items.toLocaleString('en')}.`,
  );
}
