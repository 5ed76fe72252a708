import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoredFile } from '@vanda/contracts';
import { keyLayout } from '@vanda/objects';

/**
 * Takes finished files and lays each down under its hash, for the parent process to put into the
 * store: whoever reads hostile data holds no key to anything.
 */
export class ContentSink {
  readonly stored: StoredFile[] = [];
  readonly #projectId: string;
  readonly #workDir: string;
  readonly #outDir: string;

  constructor(options: { projectId: string; workDir: string; outDir: string }) {
    this.#projectId = options.projectId;
    this.#workDir = options.workDir;
    this.#outDir = options.outDir;
  }

  /** Moves the file away from `path`; its key is where it will be in the store. */
  async file(path: string, items: number): Promise<StoredFile> {
    const hash = createHash('sha256');
    let bytes = 0;
    const chunks = createReadStream(path, { highWaterMark: 1024 ** 2 });
    for await (const chunk of chunks as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.byteLength;
    }
    const sha256 = hash.digest('hex');
    await mkdir(this.#outDir, { recursive: true });
    await rename(path, join(this.#outDir, sha256));
    const key = keyLayout.datasetContent(this.#projectId, sha256);
    const stored = { key, sha256, bytes, items };
    this.stored.push(stored);
    return stored;
  }

  async json(value: unknown, items: number): Promise<StoredFile> {
    const path = join(this.#workDir, `${this.stored.length}.json`);
    await writeFile(path, JSON.stringify(value));
    return this.file(path, items);
  }
}
