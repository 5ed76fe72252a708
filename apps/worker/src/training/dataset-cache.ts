import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { type StoredFile, VandaError } from '@vanda/contracts';
import type { ObjectStore } from '@vanda/objects';

/**
 * Local copies of dataset files by their hash, checked when they arrive. A store that is a folder of this machine needs
 * no copies: its files are linked as they are. An attempt gets hard links of its own, so
 * that no one can take a file away under it; the files used longest ago go when the cache is full. Several workers
 * may share the folder.
 */
export class DatasetCache {
  readonly #folder: string;
  readonly #objects: ObjectStore;
  readonly #bytesMax: number;

  constructor(folder: string, objects: ObjectStore, bytesMax: number) {
    this.#folder = folder;
    this.#objects = objects;
    this.#bytesMax = bytesMax;
  }

  /** Links all files into `into`, in their order; answers the paths. */
  async provide(files: StoredFile[], into: string, signal: AbortSignal): Promise<string[]> {
    await mkdir(this.#folder, { recursive: true });
    await mkdir(into, { recursive: true });
    const paths: string[] = [];
    for (const [index, file] of files.entries()) {
      signal.throwIfAborted();
      const path = join(into, `${String(index).padStart(5, '0')}-${file.sha256.slice(0, 16)}`);
      await this.#linkOrFetch(file, path, signal);
      paths.push(path);
    }
    await this.#evict(new Set(files.map((file) => file.sha256)));
    return paths;
  }

  async #linkOrFetch(file: StoredFile, path: string, signal: AbortSignal): Promise<void> {
    if (await this.#linkFromStore(file, path)) return;
    const cached = join(this.#folder, file.sha256);
    if (await sizeIs(cached, file.bytes)) {
      const now = new Date();
      await utimes(cached, now, now);
    } else {
      await this.#fetch(file, cached, signal);
    }
    await link(cached, path);
  }

  async #linkFromStore(file: StoredFile, path: string): Promise<boolean> {
    const stored = this.#objects.localPath?.(file.key);
    if (stored === undefined) return false;
    try {
      await link(stored, path);
    } catch (error) {
      // On another file system, or not there: then it is fetched, or refused, as from any store.
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EXDEV' || code === 'EPERM' || code === 'ENOENT') return false;
      throw error;
    }
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
    const sha256 = hash.digest('hex');
    if (sha256 !== file.sha256) throw damaged(file, sha256);
    return true;
  }

  async #fetch(file: StoredFile, cached: string, signal: AbortSignal): Promise<void> {
    const draft = `${cached}.${randomBytes(6).toString('hex')}`;
    const { sha256 } = await this.#objects.getFile(file.key, draft, { signal });
    if (sha256 !== file.sha256) {
      await rm(draft, { force: true });
      throw damaged(file, sha256);
    }
    await rename(draft, cached);
  }

  async #evict(needed: Set<string>): Promise<void> {
    const held: { path: string; bytes: number; usedMs: number }[] = [];
    let bytes = 0;
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      const info = await stat(path).catch(() => null);
      if (info === null) continue;
      bytes += info.size;
      if (!needed.has(name)) held.push({ path, bytes: info.size, usedMs: info.mtimeMs });
    }
    for (const file of held.sort((a, b) => a.usedMs - b.usedMs)) {
      if (bytes <= this.#bytesMax) return;
      await rm(file.path, { force: true });
      bytes -= file.bytes;
    }
  }
}

async function sizeIs(path: string, bytes: number): Promise<boolean> {
  const info = await stat(path).catch(() => null);
  return info !== null && info.size === bytes;
}

function damaged(file: StoredFile, sha256: string): VandaError {
  return new VandaError(
    'checksum-mismatch',
    `The stored dataset file ${file.key} is damaged: its SHA-256 is ${sha256}, not ${file.sha256}.`,
  );
}
