import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoredFile } from '@vanda/contracts';
import type { ContentSink } from '../content-sink.ts';
import type { Split } from '../table/split-column.ts';

const shardBytesMax = 256 * 1024 ** 2;
const bufferBytes = 4 * 1024 ** 2;
const block = 512;

export type ShardItem = {
  bytes: Buffer;
  /** jpg, png, webp, gif; or pgm and ppm, the plain pixels of IDX files. */
  extension: string;
  label: string;
  split: Split | undefined;
  name: string;
};

/**
 * Tar shards as WebDataset reads them: for the item n the entries `0000000n.jpg` and
 * `0000000n.json` ({label, split, name}), in the order of the items. No times and no owners, so
 * that the same pictures always make the same bytes.
 */
export class ShardWriter {
  readonly files: StoredFile[] = [];
  items = 0;
  readonly #folder: string;
  readonly #sink: ContentSink;
  #file: FileHandle | undefined;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #shardBytes = 0;
  #shardItems = 0;

  constructor(folder: string, sink: ContentSink) {
    this.#folder = folder;
    this.#sink = sink;
  }

  async add(item: ShardItem): Promise<void> {
    const size = item.bytes.length + 4 * block;
    if (this.#shardItems > 0 && this.#shardBytes + size > shardBytesMax) await this.#finish();
    const key = String(this.items).padStart(8, '0');
    const { label, name, split = null } = item;
    this.#entry(`${key}.${item.extension}`, item.bytes);
    this.#entry(`${key}.json`, Buffer.from(JSON.stringify({ label, split, name })));
    this.items += 1;
    this.#shardItems += 1;
    if (this.#heldBytes > bufferBytes) await this.#flush();
  }

  async end(): Promise<StoredFile[]> {
    if (this.#shardItems > 0) await this.#finish();
    return this.files;
  }

  #entry(name: string, bytes: Buffer): void {
    const padding = (block - (bytes.length % block)) % block;
    const parts = [header(name, bytes.length), bytes, Buffer.alloc(padding)];
    for (const part of parts) {
      this.#held.push(part);
      this.#heldBytes += part.length;
      this.#shardBytes += part.length;
    }
  }

  async #flush(): Promise<void> {
    this.#file ??= await open(this.#path(), 'w');
    await this.#file.writeFile(Buffer.concat(this.#held));
    this.#held = [];
    this.#heldBytes = 0;
  }

  async #finish(): Promise<void> {
    this.#held.push(Buffer.alloc(2 * block));
    await this.#flush();
    await this.#file?.close();
    this.#file = undefined;
    this.files.push(await this.#sink.file(this.#path(), this.#shardItems));
    this.#shardBytes = 0;
    this.#shardItems = 0;
  }

  /** One file is enough: a shard is in the store before the next begins. */
  #path(): string {
    return join(this.#folder, 'shard.tar');
  }
}

function header(name: string, size: number): Buffer {
  const bytes = Buffer.alloc(block);
  bytes.write(name, 0, 'latin1');
  bytes.write('0000644\0', 100, 'latin1');
  bytes.write('0000000\0', 108, 'latin1');
  bytes.write('0000000\0', 116, 'latin1');
  bytes.write(`${size.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  bytes.write('00000000000\0', 136, 'latin1');
  bytes.write('        ', 148, 'latin1');
  bytes.write('0', 156, 'latin1');
  bytes.write('ustar\x0000', 257, 'latin1');
  let sum = 0;
  for (const byte of bytes) sum += byte;
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return bytes;
}
