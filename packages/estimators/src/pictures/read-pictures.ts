import { open, rm } from 'node:fs/promises';
import { VandaError } from '@vanda/contracts';
import type { ColumnSource } from '@vanda/engine';
import { splitCode } from '../splits/assign-splits.ts';
import { decodePicture, type PictureShape } from './decode-picture.ts';
import { OpenShards, PicturePlaces } from './picture-places.ts';
import { type PictureItem, readPictureAt } from './read-shards.ts';

/** Pictures that are decoded at the same time; sharp works on its own threads. */
const decodedAtOnce = 16;
/** Pixels that are kept from epoch to epoch; more of them would crowd out the disk. */
const pixelsBytesMax = 16 * 1024 ** 3;

export interface Pictures {
  /** [items, size, size, channels] bytes: in a file which the engine maps, or decoded whenever a batch needs them. */
  column: ColumnSource;
  labels: string[];
  /** The label of each item, as an index. */
  classes: Int32Array;
  /** One splitCode an item, as the data predefines it. */
  predefined: Uint8Array;
  /** Where each picture lies in the shards; null where it came from elsewhere. */
  places: PicturePlaces | null;
  close(): Promise<void>;
}

/**
 * Reads every picture once, with its label; memory stays flat. Pixels that fit are kept in a file of `workDir`, decoded
 * in parallel. Of larger sets only the places are kept, and each epoch decodes them again, through a bounded ring.
 */
export async function readPictures(options: {
  source: AsyncIterable<PictureItem>;
  items: number;
  shape: PictureShape;
  file: string;
  /** The most that the file may hold; 16 GiB by default. */
  bytesMax: number | undefined;
  signal: AbortSignal;
  onProgress: (fraction: number) => void;
}): Promise<Pictures> {
  const { shape, items, signal } = options;
  const pictureBytes = shape.size * shape.size * shape.channels;
  const keepsPixels = items * pictureBytes <= (options.bytesMax ?? pixelsBytesMax);
  const codes = new Map<string, number>();
  const classes = new Int32Array(items);
  const predefined = new Uint8Array(items);
  let places: PicturePlaces | null = null;
  let pixels: PixelFile | null = null;
  let count = 0;
  try {
    for await (const item of options.source) {
      signal.throwIfAborted();
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
      if (keepsPixels || !item.place) {
        pixels ??= await PixelFile.create(options.file, pictureBytes);
        await pixels.write(count, () => decodeItem(item, shape));
      }
      count++;
      if (count % 512 === 0) options.onProgress(count / items);
    }
    if (count !== items) throw wrongCount(items);
    await pixels?.complete();
  } finally {
    await pixels?.close();
  }
  const found = [...codes.keys()];
  const labels = found.toSorted(compareLabels);
  const place = new Map(labels.map((label, index) => [label, index]));
  const reorder = found.map((label) => place.get(label) ?? 0);
  for (let index = 0; index < items; index++) classes[index] = reorder[classes[index] ?? 0] ?? 0;
  const column = {
    dtype: 'u8',
    shape: [shape.size, shape.size, shape.channels],
    rows: items,
  } as const;
  const read = { labels, classes, predefined, places };
  if (keepsPixels || !places) {
    const { file } = options;
    return { ...read, column: { ...column, file }, close: () => rm(file, { force: true }) };
  }
  const shards = new OpenShards();
  const known = places;
  const decode = async (item: number) => {
    const { file, ...at } = known.get(item);
    return await decodeItem(await readPictureAt(await shards.get(file), at), shape);
  };
  return { ...read, column: { ...column, decode }, close: () => shards.close() };
}

/** Pixels of equal size side by side, several decoded at a time. */
class PixelFile {
  readonly #output: Awaited<ReturnType<typeof open>>;
  readonly #itemBytes: number;
  readonly #running = new Set<Promise<void>>();
  #failed: unknown;

  private constructor(output: Awaited<ReturnType<typeof open>>, itemBytes: number) {
    this.#output = output;
    this.#itemBytes = itemBytes;
  }

  static async create(path: string, itemBytes: number): Promise<PixelFile> {
    return new PixelFile(await open(path, 'w'), itemBytes);
  }

  /** Waits while too many are on their way; throws what an earlier one ended with. */
  async write(index: number, decode: () => Promise<Uint8Array>): Promise<void> {
    if (this.#failed !== undefined) throw this.#failed;
    const task: Promise<void> = decode()
      .then((data) => this.#output.write(data, 0, this.#itemBytes, index * this.#itemBytes))
      .then(
        () => {},
        (error) => {
          this.#failed ??= error;
        },
      )
      .finally(() => this.#running.delete(task));
    this.#running.add(task);
    if (this.#running.size >= decodedAtOnce) await Promise.race(this.#running);
  }

  async complete(): Promise<void> {
    await Promise.all(this.#running);
    if (this.#failed !== undefined) throw this.#failed;
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#running);
    await this.#output.close();
  }
}

async function decodeItem(
  item: Pick<PictureItem, 'picture' | 'name'>,
  shape: PictureShape,
): Promise<Uint8Array> {
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
