import { createReadStream } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { assertMatches, assertPartNumbers, assertPartRequest, resolveRange } from '../checks.ts';
import { downloadToFile } from '../download.ts';
import { assertObjectKey } from '../key-layout.ts';
import { ObjectStoreError } from '../object-store-error.ts';
import type {
  ArrivedPart,
  ByteRange,
  CompletedUpload,
  ObjectBody,
  ObjectHead,
  ObjectStore,
  PartRequest,
  PutOptions,
  ReapOptions,
  SignedPart,
  StoredObject,
} from '../port.ts';
import { DiskMultipart, namesIn } from './disk-multipart.ts';
import { errorNumber, writeDurably } from './durable-file.ts';
import { signGrant } from './signature.ts';

export type DiskStoreOptions = {
  folder: string;
  /** Signs the URLs; the API and whoever mounts the routes hold the same one. */
  secret: string;
  /** Where the routes are mounted, without `/objects`. A function where a port is known late. */
  publicUrl: string | (() => string);
};

/**
 * Objects are files under `<folder>/objects/<key>`; what is not yet one lies in `temp` and `parts`
 * on the same file system, so that the last step is always a rename.
 */
export class DiskObjectStore implements ObjectStore {
  readonly driver = 'disk';
  readonly secret: string;
  readonly multipart: DiskMultipart;
  readonly #folder: string;
  readonly #tempFolder: string;
  readonly #publicUrl: () => string;

  constructor(options: DiskStoreOptions) {
    this.#folder = join(options.folder, 'objects');
    this.#tempFolder = join(options.folder, 'temp');
    this.multipart = new DiskMultipart(join(options.folder, 'parts'), this.#tempFolder);
    this.secret = options.secret;
    const { publicUrl } = options;
    this.#publicUrl = typeof publicUrl === 'function' ? publicUrl : () => publicUrl;
  }

  async put(
    key: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    options: PutOptions = {},
  ): Promise<StoredObject> {
    const path = this.#pathOf(key);
    const chunks = body instanceof Uint8Array ? once(body) : body;
    const { size, sha256 } = await writeDurably(
      this.#tempFolder,
      chunks,
      (written) => {
        assertMatches(key, written, options);
        return path;
      },
      { signal: options.signal },
    );
    return { key, size, sha256 };
  }

  putFile(key: string, path: string, options: PutOptions = {}): Promise<StoredObject> {
    return this.put(key, createReadStream(path, { highWaterMark: 1024 ** 2 }), options);
  }

  async get(key: string, range?: ByteRange): Promise<ObjectBody> {
    const head = await this.head(key);
    if (head === undefined) throw objectNotFound(key);
    const resolved = resolveRange(key, head.size, range);
    const stream = createReadStream(this.#pathOf(key), {
      start: resolved.start,
      end: Math.max(resolved.end, 0),
      highWaterMark: 256 * 1024,
    });
    return { stream, size: head.size, range: resolved };
  }

  localPath(key: string): string {
    return this.#pathOf(key);
  }

  getFile(key: string, path: string, options: { signal?: AbortSignal } = {}) {
    return downloadToFile(this, key, path, options.signal);
  }

  async head(key: string): Promise<ObjectHead | undefined> {
    try {
      const info = await stat(this.#pathOf(key));
      return info.isFile() ? { key, size: info.size, modifiedAt: info.mtime } : undefined;
    } catch (error) {
      if (errorNumber(error) === 'ENOENT' || errorNumber(error) === 'ENOTDIR') return undefined;
      throw error;
    }
  }

  async delete(key: string): Promise<boolean> {
    if ((await this.head(key)) === undefined) return false;
    await rm(this.#pathOf(key), { force: true });
    return true;
  }

  async *list(prefix: string): AsyncIterable<ObjectHead> {
    yield* this.#walk('', prefix);
  }

  async *#walk(folder: string, prefix: string): AsyncIterable<ObjectHead> {
    const entries = await readdir(join(this.#folder, folder), { withFileTypes: true }).catch(
      (error: unknown) => {
        if (errorNumber(error) === 'ENOENT') return [];
        throw error;
      },
    );
    // A folder sorts as its name and "/", which is how the keys below it compare in S3's order.
    const named = entries.map((entry) => ({
      path: entry.isDirectory() ? `${folder}${entry.name}/` : `${folder}${entry.name}`,
      isFolder: entry.isDirectory(),
    }));
    named.sort((a, b) => (a.path < b.path ? -1 : 1));
    for (const { path, isFolder } of named) {
      if (!path.startsWith(prefix) && !(isFolder && prefix.startsWith(path))) continue;
      if (isFolder) yield* this.#walk(path, prefix);
      else {
        const head = await this.head(path);
        if (head !== undefined) yield head;
      }
    }
  }

  async createMultipart(key: string): Promise<{ multipartId: string }> {
    assertObjectKey(key);
    return { multipartId: await this.multipart.create(key) };
  }

  async signParts(
    key: string,
    multipartId: string,
    parts: readonly PartRequest[],
    expiresInS: number,
  ): Promise<SignedPart[]> {
    assertObjectKey(key);
    const expiresAtS = Math.floor(Date.now() / 1000) + expiresInS;
    return parts.map((part) => {
      assertPartRequest(part);
      const grant = { op: 'part' as const, key, multipartId, ...part, expiresAtS };
      const url = signGrant(grant, this.secret, this.#publicUrl());
      return { number: part.number, url, headers: {}, expiresAt: new Date(expiresAtS * 1000) };
    });
  }

  listParts(key: string, multipartId: string): Promise<ArrivedPart[]> {
    return this.multipart.list(key, multipartId);
  }

  async completeMultipart(
    key: string,
    multipartId: string,
    parts: readonly { number: number; etag: string }[],
  ): Promise<CompletedUpload> {
    assertPartNumbers(parts);
    try {
      const { size, body } = await this.multipart.open(key, multipartId, parts);
      await this.put(key, body, { size });
      await this.multipart.remove(multipartId);
      return { key, size };
    } catch (error) {
      // Where the upload is gone and the object is there, an earlier call has done the work. Two
      // calls at once may also pull the parts from under each other: the loser answers the same.
      const gone =
        errorNumber(error) === 'ENOENT' ||
        (error instanceof ObjectStoreError &&
          (error.reason === 'multipart-not-found' || error.reason === 'part-invalid'));
      const head =
        gone && !(await this.multipart.exists(key, multipartId)) && (await this.head(key));
      if (head) return { key, size: head.size };
      throw error;
    }
  }

  async abortMultipart(_key: string, multipartId: string): Promise<void> {
    await this.multipart.remove(multipartId);
  }

  async signGet(
    key: string,
    options: { expiresInS: number; filename?: string; contentType?: string },
  ): Promise<string> {
    assertObjectKey(key);
    const { expiresInS, filename, contentType } = options;
    const expiresAtS = Math.floor(Date.now() / 1000) + expiresInS;
    const grant = { op: 'get' as const, key, filename, contentType, expiresAtS };
    return signGrant(grant, this.secret, this.#publicUrl());
  }

  async reap(options: ReapOptions): Promise<{ temps: number; multiparts: number }> {
    let temps = 0;
    for (const name of await namesIn(this.#tempFolder)) {
      const path = join(this.#tempFolder, name);
      const info = await stat(path).catch(() => undefined);
      if (info === undefined || info.mtimeMs > Date.now() - options.tempOlderThanMs) continue;
      await rm(path, { force: true });
      temps += 1;
    }
    return { temps, multiparts: await this.multipart.reap(options.multipartOlderThanMs) };
  }

  /** Makes the folders, so that a wrong path fails at start and not at the first upload. */
  async prepare(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    await mkdir(this.#tempFolder, { recursive: true });
  }

  async close(): Promise<void> {}

  #pathOf(key: string): string {
    assertObjectKey(key);
    return join(this.#folder, key);
  }
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

function objectNotFound(key: string): ObjectStoreError {
  return new ObjectStoreError('object-not-found', `There is no object ${key}.`);
}
