import type { Tensor } from '@vanda/engine';
import type { FS, Metadata } from 'h5wasm';
import { Dataset, File, Group, ready } from 'h5wasm';
import { FormatError } from '../format-error.ts';
import { elementsOf } from '../tensor-shape.ts';
import { NO_HDF5 } from './hdf5-signature.ts';

type Library = Awaited<typeof ready>;

const TEXT = 3;
const FLOAT = 1;
const TEXTS_BYTES_MAX = 256 * 2 ** 20;
const DEVICES = ['stdin', 'stdout', 'stderr', 'tty', 'tty1'];

/**
 * An HDF5 file in the memory of the parser's own sandbox: a file system of its own, in which there is no other file, so
 * that links lead nowhere. Links, virtual and filtered datasets are refused by name, and nothing is read before it is
 * known to fit into the file's true size.
 */
export class Hdf5File {
  readonly #format: string;
  readonly #module: Library;
  readonly #file: File;
  readonly #bytes: number;

  private constructor(format: string, module: Library, file: File, bytes: number) {
    this.#format = format;
    this.#module = module;
    this.#file = file;
    this.#bytes = bytes;
  }

  /** The one file of this thread. */
  static async open(format: string, bytes: Uint8Array): Promise<Hdf5File> {
    const library = await ready;
    silence(library.FS);
    library.FS.writeFile('/model.h5', bytes);
    const file = new File('/model.h5', 'r');
    if (file.file_id >= 0n) return new Hdf5File(format, library, file, bytes.byteLength);
    throw new FormatError(format, 'file', NO_HDF5);
  }

  /** A text that a group has as an attribute; undefined where it has none of that name. */
  text(group: string, name: string): string | undefined {
    const values = this.#attribute(group, name, 1);
    return values?.[0];
  }

  /** A list of texts, which Keras spreads over NAME0, NAME1, ... where it is long. */
  texts(group: string, name: string): string[] {
    const whole = this.#attribute(group, name, undefined);
    if (whole) return whole;
    const parts: string[] = [];
    for (let i = 0; ; i += 1) {
      const part = this.#attribute(group, `${name}${i}`, undefined);
      if (!part) return parts;
      parts.push(...part);
    }
  }

  /** Numbers in f32 of the shape that is wanted. */
  numbers(path: string, shape: readonly number[]): Tensor {
    const found = this.#walk(path);
    if (!(found instanceof Dataset)) return this.#refuse(path, 'is no dataset');
    const metadata = this.#guarded(path, () => found.metadata);
    this.#check(path, metadata, shape);
    const filters = this.#guarded(path, () => found.filters);
    const [filter] = filters;
    if (filter)
      this.#refuse(
        path,
        `is stored through the filter '${filter.name}'; weights must be stored as they are`,
      );
    const buffer = this.#guarded(path, () => this.#read(found, elementsOf(shape) * metadata.size));
    const data = metadata.size === 4 ? new Float32Array(buffer) : new Float64Array(buffer);
    return { dtype: 'f32', shape: [...shape], data: Float32Array.from(data) };
  }

  /** The library says by a number whether it could read; memory that it did not fill must not pass for weights. */
  #read({ file_id: file, path }: Dataset, bytes: number): ArrayBuffer {
    const place = this.#module._malloc(Math.max(bytes, 8));
    if (place === 0) throw new Error('there is no memory for it');
    try {
      const { get_dataset_data: read } = this.#module;
      if (read(file, path, null, null, null, BigInt(place)) < 0)
        throw new Error('its numbers are not in the file');
      return this.#module.HEAPU8.slice(place, place + bytes).buffer as ArrayBuffer;
    } finally {
      this.#module._free(place);
    }
  }

  /** Type, shape and layout, all of which are known before any number is read. */
  #check(path: string, metadata: Metadata, shape: readonly number[]): void {
    const { type, size, littleEndian, chunks, virtual_sources: virtual } = metadata;
    if (virtual)
      this.#refuse(path, `is virtual: its numbers are said to lie in ${virtual[0]?.file_name}`);
    if (type !== FLOAT || (size !== 4 && size !== 8) || !littleEndian)
      this.#refuse(path, 'must hold numbers of 4 or 8 bytes, the lowest byte first');
    if (metadata.shape?.join() !== shape.join())
      this.#refuse(
        path,
        `is [${metadata.shape?.join(', ')}], the layer needs [${shape.join(', ')}]`,
      );
    for (const [what, dims] of [['', shape] as const, ['in chunks of ', chunks ?? []] as const])
      if (elementsOf(dims) * size > this.#bytes)
        this.#refuse(
          path,
          `announces ${what}[${dims.join(', ')}], the file has ${this.#bytes} bytes`,
        );
  }

  #attribute(path: string, name: string, most: number | undefined): string[] | undefined {
    const group = this.#walk(path);
    if (!(group instanceof Group)) return this.#refuse(path, 'is no group');
    const where = `${path}@${name}`;
    const attribute = this.#guarded(where, () => group.attrs[name]);
    if (!attribute) return undefined;
    const { type, vlen, total_size: size, shape } = attribute.metadata;
    const count = elementsOf(shape ?? []);
    if (type !== TEXT || (most !== undefined && count > most))
      this.#refuse(where, 'must be a text');
    // A text of any length may be named again and again: each may be as long as the file.
    const bytes = vlen && count > 1 ? count * this.#bytes : size;
    if (bytes > Math.max(this.#bytes, vlen ? TEXTS_BYTES_MAX : 0))
      this.#refuse(where, `announces ${bytes} bytes, the file has ${this.#bytes}`);
    const values = [this.#guarded(where, () => attribute.value)].flat(2);
    if (values.some((value) => typeof value !== 'string')) this.#refuse(where, 'must be texts');
    return values as string[];
  }

  /** From group to group by name; a link out of the file is never followed. */
  #walk(path: string): unknown {
    let at: unknown = this.#file;
    const parts = path.split('/').filter((part) => part !== '');
    for (const [i, part] of parts.entries()) {
      const here = parts.slice(0, i + 1).join('/');
      if (!(at instanceof Group)) return this.#refuse(here, 'lies in what is no group');
      const group = at;
      if (part === '.' || !this.#guarded(here, () => group.keys()).includes(part))
        return this.#refuse(here, 'is missing');
      at = this.#guarded(here, () => group.get(part));
      if (!(at instanceof Group || at instanceof Dataset))
        return this.#refuse(
          here,
          'is a link or a type; only groups and datasets of the file itself are read',
        );
    }
    return at;
  }

  #guarded<T>(path: string, body: () => T): T {
    try {
      return body();
    } catch (error) {
      if (error instanceof FormatError) throw error;
      return this.#refuse(
        path,
        `cannot be read: ${String(error)
          .replace(/^\w*Error: /, '')
          .slice(0, 200)}`,
      );
    }
  }

  #refuse(path: string, sentence: string): never {
    throw new FormatError(this.#format, path === '' ? 'file' : path.slice(0, 500), sentence);
  }
}

/**
 * The library's own descriptions of what is wrong go nowhere, since its callers get a sentence; and a dataset that
 * names a device of the process as where its numbers lie finds none.
 */
function silence(fs: NonNullable<typeof FS>): void {
  const { streams } = fs as unknown as { streams: Parameters<typeof fs.close>[0][] };
  for (const stream of [0, 1, 2]) {
    fs.close(streams[stream] as (typeof streams)[0]);
    fs.open('/dev/null', stream === 0 ? 'r' : 'w');
  }
  for (const name of DEVICES) fs.unlink(`/dev/${name}`);
}
