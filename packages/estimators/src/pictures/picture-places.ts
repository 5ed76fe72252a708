import { type FileHandle, open } from 'node:fs/promises';
import type { PicturePlace } from './read-shards.ts';

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

/** Opens each shard at its first picture and keeps it open. */
export class OpenShards {
  readonly #files = new Map<string, Promise<FileHandle>>();

  get(path: string): Promise<FileHandle> {
    const opened = this.#files.get(path) ?? open(path, 'r');
    this.#files.set(path, opened);
    return opened;
  }

  async close(): Promise<void> {
    for (const opened of this.#files.values()) {
      await opened.then((file) => file.close()).catch(() => {});
    }
    this.#files.clear();
  }
}
