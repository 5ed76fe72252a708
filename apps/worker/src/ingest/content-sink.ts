import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { StoredFile } from '@vanda/contracts';
import { keyLayout, type ObjectStore } from '@vanda/objects';

/**
 * Puts finished files into the store under their own hash. What is there already is not sent
 * again, so a repeated push costs no bytes and a retried ingest goes on where it was.
 */
export class ContentSink {
  readonly stored: StoredFile[] = [];
  readonly #store: ObjectStore;
  readonly #projectId: string;
  readonly #folder: string;
  readonly #signal: AbortSignal | undefined;

  constructor(store: ObjectStore, projectId: string, folder: string, signal?: AbortSignal) {
    this.#store = store;
    this.#projectId = projectId;
    this.#folder = folder;
    this.#signal = signal;
  }

  async file(path: string, items: number, contentType: string): Promise<StoredFile> {
    const hash = createHash('sha256');
    let bytes = 0;
    await pipeline(createReadStream(path, { highWaterMark: 1024 ** 2 }), async (chunks) => {
      for await (const chunk of chunks as AsyncIterable<Buffer>) {
        this.#signal?.throwIfAborted();
        hash.update(chunk);
        bytes += chunk.byteLength;
      }
    });
    const sha256 = hash.digest('hex');
    const key = keyLayout.datasetContent(this.#projectId, sha256);
    const present = await this.#store.head(key);
    if (present?.size !== bytes) {
      const expected = { sha256, size: bytes, contentType, signal: this.#signal };
      await this.#store.putFile(key, path, expected);
    }
    const stored = { key, sha256, bytes, items };
    this.stored.push(stored);
    return stored;
  }

  async json(value: unknown, items: number): Promise<StoredFile> {
    const path = join(this.#folder, `${this.stored.length}.json`);
    await writeFile(path, JSON.stringify(value));
    return this.file(path, items, 'application/json');
  }
}
