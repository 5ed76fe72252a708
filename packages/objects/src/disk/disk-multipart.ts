import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ObjectStoreError } from '../object-store-error.ts';
import type { ArrivedPart } from '../port.ts';
import { errorNumber, writeDurably } from './durable-file.ts';

/**
 * Parts lie in one folder an upload, each named `<number>.<size>.<md5>`: what the listing says is
 * in the names, so that a part is there completely or not at all, and no index can disagree.
 */
const partName = /^(\d{5})\.(\d+)\.([0-9a-f]{32})$/;

type StoredPart = ArrivedPart & { path: string; modifiedMs: number };

export class DiskMultipart {
  readonly folder: string;
  readonly tempFolder: string;

  constructor(folder: string, tempFolder: string) {
    this.folder = folder;
    this.tempFolder = tempFolder;
  }

  async create(key: string): Promise<string> {
    const id = randomBytes(16).toString('hex');
    await mkdir(this.pathOf(id), { recursive: true });
    await writeFile(join(this.pathOf(id), 'key'), key, { flag: 'wx' });
    return id;
  }

  async putPart(
    key: string,
    id: string,
    part: { number: number; size: number; sha256?: string; md5?: string },
    body: AsyncIterable<Uint8Array>,
  ): Promise<ArrivedPart> {
    await this.assertOpen(key, id);
    const written = await writeDurably(
      this.tempFolder,
      body,
      (done) => {
        checkPart(part, done);
        return join(this.pathOf(id), nameOf(part.number, done));
      },
      { bytesMax: part.size },
    );
    await this.settle(key, id, part.number, written.path);
    return { number: part.number, size: written.size, etag: `"${written.md5}"` };
  }

  /** A second sending of a part replaces the first; an abort in between wins over both. */
  private async settle(key: string, id: string, number: number, keep: string): Promise<void> {
    for (const part of await this.stored(id)) {
      if (part.number === number && part.path !== keep) await rm(part.path, { force: true });
    }
    try {
      await this.assertOpen(key, id);
    } catch (error) {
      await rm(this.pathOf(id), { recursive: true, force: true });
      throw error;
    }
  }

  async list(key: string, id: string): Promise<ArrivedPart[]> {
    await this.assertOpen(key, id);
    const newest = new Map<number, StoredPart>();
    for (const part of await this.stored(id)) {
      const other = newest.get(part.number);
      if (other === undefined || other.modifiedMs < part.modifiedMs) newest.set(part.number, part);
    }
    return [...newest.values()]
      .sort((a, b) => a.number - b.number)
      .map(({ number, size, etag }) => ({ number, size, etag }));
  }

  /** The bytes of the named parts, in order. Every part is looked up before the first byte flows. */
  async open(
    key: string,
    id: string,
    parts: readonly { number: number; etag: string }[],
  ): Promise<{ size: number; body: AsyncIterable<Uint8Array> }> {
    await this.assertOpen(key, id);
    const stored = await this.stored(id);
    const chosen = parts.map(({ number, etag }) => {
      const found = stored.find((part) => part.number === number && sameEtag(part.etag, etag));
      if (found !== undefined) return found;
      throw new ObjectStoreError(
        'part-invalid',
        `Part ${number} with ETag ${etag} has not arrived. ` +
          'List the parts that have, and send the missing ones again.',
      );
    });
    const size = chosen.reduce((sum, part) => sum + part.size, 0);
    return { size, body: concatenate(chosen) };
  }

  async exists(key: string, id: string): Promise<boolean> {
    return this.assertOpen(key, id).then(
      () => true,
      () => false,
    );
  }

  async remove(id: string): Promise<void> {
    const path = this.pathOf(id);
    // The key goes first: from then on the upload does not exist, whatever remains of its parts.
    await rm(join(path, 'key'), { force: true });
    await rm(path, { recursive: true, force: true });
  }

  async reap(olderThanMs: number): Promise<number> {
    let count = 0;
    for (const id of await namesIn(this.folder)) {
      const info = await stat(this.pathOf(id)).catch(() => undefined);
      if (info === undefined || info.mtimeMs > Date.now() - olderThanMs) continue;
      await this.remove(id);
      count += 1;
    }
    return count;
  }

  private pathOf(id: string): string {
    if (!/^[0-9a-f]{32}$/.test(id)) throw notFound(id);
    return join(this.folder, id);
  }

  private async assertOpen(key: string, id: string): Promise<void> {
    const found = await readFile(join(this.pathOf(id), 'key'), 'utf8').catch((error: unknown) => {
      if (errorNumber(error) === 'ENOENT') throw notFound(id);
      throw error;
    });
    if (found !== key) throw notFound(id);
  }

  private async stored(id: string): Promise<StoredPart[]> {
    const parts: StoredPart[] = [];
    for (const name of await namesIn(this.pathOf(id))) {
      const match = partName.exec(name);
      const path = join(this.pathOf(id), name);
      const info = match && (await stat(path).catch(() => undefined));
      if (!match || !info) continue;
      parts.push({
        number: Number(match[1]),
        size: info.size,
        etag: `"${match[3]}"`,
        path,
        modifiedMs: info.mtimeMs,
      });
    }
    return parts;
  }
}

function nameOf(number: number, written: { size: number; md5: string }): string {
  return `${String(number).padStart(5, '0')}.${written.size}.${written.md5}`;
}

function checkPart(
  part: { number: number; size: number; sha256?: string; md5?: string },
  written: { size: number; sha256: string; md5: string },
): void {
  if (written.size !== part.size) {
    throw new ObjectStoreError(
      'size-mismatch',
      `Part ${part.number} has ${written.size} bytes, but ${part.size} were declared.`,
    );
  }
  const differs =
    (part.sha256 !== undefined && part.sha256 !== written.sha256) ||
    (part.md5 !== undefined && part.md5 !== written.md5);
  if (!differs) return;
  throw new ObjectStoreError(
    'checksum-mismatch',
    `Part ${part.number} arrived with another checksum than was declared. Send it again.`,
  );
}

async function* concatenate(parts: readonly StoredPart[]): AsyncIterable<Uint8Array> {
  for (const part of parts) yield* createReadStream(part.path, { highWaterMark: 1024 ** 2 });
}

function sameEtag(a: string, b: string): boolean {
  const bare = (etag: string) => etag.replace(/^"|"$/g, '').toLowerCase();
  return bare(a) === bare(b);
}

export async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (errorNumber(error) === 'ENOENT' || errorNumber(error) === 'ENOTDIR') return [];
    throw error;
  }
}

function notFound(id: string): ObjectStoreError {
  return new ObjectStoreError(
    'multipart-not-found',
    `There is no open multipart upload ${id.slice(0, 64)}: it was completed, aborted or never begun.`,
  );
}
