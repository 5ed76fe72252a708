import { createReadStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { VandaError } from '@vanda/contracts';
import tar from 'tar-stream';
import type { RawPicture } from './decode-picture.ts';

export interface PictureItem {
  /** Encoded bytes, or pixels where the source holds them. */
  picture: Uint8Array | RawPicture;
  label: string;
  name: string;
  split: 'train' | 'validation' | 'test' | null;
  /** Where its bytes lie in a shard, to be read again. */
  place?: PicturePlace;
}

export interface PicturePlace {
  file: string;
  /** Of the first byte of the picture, behind its header. */
  offset: number;
  bytes: number;
}

const block = 512;
const padded = (bytes: number) => Math.ceil(bytes / block) * block;

/** One entry of a shard is never larger than a picture that decodes. */
const entryBytesMax = 512 * 1024 * 1024;

/**
 * Reads WebDataset-style shards in item order: KEY.png (or another format), then KEY.json with its label. Pictures that
 * came as plain pixels (IDX files) lie there as PGM or PPM and need no decoding.
 */
export async function* readShards(files: readonly string[]): AsyncGenerator<PictureItem> {
  for (const file of files) {
    const extract = tar.extract();
    const source = createReadStream(file, { highWaterMark: 1 << 20 });
    source.on('error', (error) => extract.destroy(error));
    source.pipe(extract);
    let picture: { key: string; pixels: Uint8Array | RawPicture; place: PicturePlace } | null =
      null;
    // Shards hold plain entries alone, so that the sizes say where each begins.
    let at = 0;
    try {
      for await (const entry of extract) {
        if (entry.header.type !== 'file') {
          entry.resume();
          continue;
        }
        const [key, extension] = splitName(entry.header.name);
        const bytes = await readEntry(entry as AsyncIterable<Uint8Array>, entry.header.size ?? 0);
        const place = { file, offset: at + block, bytes: bytes.length };
        at = place.offset + padded(bytes.length);
        if (extension !== 'json') {
          picture = { key, pixels: pixelsOf(key, extension, bytes), place };
          continue;
        }
        if (picture?.key !== key) throw broken(`${key}.json has no picture before it`);
        yield { picture: picture.pixels, place: picture.place, ...parseSidecar(key, bytes) };
        picture = null;
      }
    } finally {
      source.destroy();
    }
  }
}

function pixelsOf(key: string, extension: string, bytes: Uint8Array): Uint8Array | RawPicture {
  return extension === 'pgm' || extension === 'ppm' ? readPlain(key, bytes) : bytes;
}

/** Reads one picture again, with what its sidecar says. */
export async function readPictureAt(
  file: FileHandle,
  { offset, bytes }: Omit<PicturePlace, 'file'>,
): Promise<Omit<PictureItem, 'place'>> {
  const picture = await readBytes(file, offset - block, block + bytes);
  const [key, extension] = splitName(nameIn(picture));
  const sidecarAt = offset + padded(bytes);
  const header = await readBytes(file, sidecarAt, block);
  if (nameIn(header) !== `${key}.json`) throw broken(`${key} has no sidecar behind it`);
  const size = Number.parseInt(header.toString('latin1', 124, 135), 8);
  if (!(size < entryBytesMax)) throw broken(`the sidecar of ${key} has no size`);
  const sidecar = await readBytes(file, sidecarAt + block, size);
  return {
    picture: pixelsOf(key, extension, picture.subarray(block)),
    ...parseSidecar(key, sidecar),
  };
}

export async function readBytes(file: FileHandle, offset: number, bytes: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, offset);
  if (bytesRead < bytes) throw broken('it ends too early');
  return buffer;
}

function nameIn(header: Buffer): string {
  return header.toString('latin1', 0, 100).replace(/\0.*$/s, '');
}

async function readEntry(entry: AsyncIterable<Uint8Array>, size: number): Promise<Uint8Array> {
  if (size > entryBytesMax) throw broken('an entry is larger than 512 MB');
  const bytes = new Uint8Array(size);
  let at = 0;
  for await (const chunk of entry) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** Netpbm's binary formats as ingest writes them: "P5" or "P6", width, height, 255, one line end, the pixels. */
function readPlain(key: string, bytes: Uint8Array): RawPicture {
  const header = Buffer.from(bytes.subarray(0, 64)).toString('latin1');
  const match = /^P([56])\n(\d+) (\d+)\n255\n/.exec(header);
  if (!match) throw broken(`${key} is not a PGM or PPM picture`);
  const channels = match[1] === '5' ? 1 : 3;
  const [width, height] = [Number(match[2]), Number(match[3])];
  const data = bytes.subarray(match[0].length);
  if (data.length !== width * height * channels) throw broken(`${key} has not all its pixels`);
  return { data, width, height, channels };
}

function splitName(name: string): [key: string, extension: string] {
  const dot = name.lastIndexOf('.');
  return dot < 0 ? [name, ''] : [name.slice(0, dot), name.slice(dot + 1).toLowerCase()];
}

function parseSidecar(key: string, bytes: Uint8Array): Omit<PictureItem, 'picture' | 'place'> {
  const value = JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<string, unknown>;
  const { label, name, split } = value;
  if (typeof label !== 'string') throw broken(`${key}.json has no label`);
  return {
    label,
    name: typeof name === 'string' ? name : key,
    split: split === 'train' || split === 'validation' || split === 'test' ? split : null,
  };
}

function broken(what: string): VandaError {
  return new VandaError('internal', `A shard of this dataset is broken: ${what}.`);
}
