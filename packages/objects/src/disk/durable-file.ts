import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ObjectStoreError } from '../object-store-error.ts';

export type Written = { size: number; sha256: string; md5: string };

/**
 * Streams bytes into a temporary file, syncs it, and lets the caller look at the hashes before it
 * gets its name. A crash at any point leaves either the former file or the whole new one, and
 * perhaps a file in `tempFolder` that the reaper removes.
 */
export async function writeDurably(
  tempFolder: string,
  body: AsyncIterable<Uint8Array>,
  finalPath: (written: Written) => string,
  options: { bytesMax?: number; signal?: AbortSignal } = {},
): Promise<Written & { path: string }> {
  const temp = join(tempFolder, randomBytes(16).toString('hex'));
  let file: FileHandle | undefined;
  try {
    await mkdir(tempFolder, { recursive: true });
    file = await open(temp, 'wx', 0o600);
    const written = await pour(file, body, options);
    await file.datasync();
    await file.close();
    file = undefined;
    const path = finalPath(written);
    await mkdir(dirname(path), { recursive: true });
    await rename(temp, path);
    await syncFolder(dirname(path));
    return { ...written, path };
  } catch (error) {
    await file?.close().catch(() => {});
    await rm(temp, { force: true });
    throw fullDisk(error);
  }
}

async function pour(
  file: FileHandle,
  body: AsyncIterable<Uint8Array>,
  options: { bytesMax?: number; signal?: AbortSignal },
): Promise<Written> {
  const sha256 = createHash('sha256');
  const md5 = createHash('md5');
  let size = 0;
  for await (const chunk of body) {
    options.signal?.throwIfAborted();
    size += chunk.byteLength;
    if (options.bytesMax !== undefined && size > options.bytesMax) {
      throw new ObjectStoreError(
        'size-mismatch',
        `The body is longer than the ${options.bytesMax} bytes that were declared.`,
      );
    }
    sha256.update(chunk);
    md5.update(chunk);
    await writeAll(file, chunk);
  }
  return { size, sha256: sha256.digest('hex'), md5: md5.digest('hex') };
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  let offset = 0;
  while (offset < chunk.byteLength) {
    const { bytesWritten } = await file.write(chunk, offset, chunk.byteLength - offset);
    offset += bytesWritten;
  }
}

/** A rename is only durable once the folder that holds the name is synced. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export function errorNumber(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

function fullDisk(error: unknown): unknown {
  if (errorNumber(error) !== 'ENOSPC' && errorNumber(error) !== 'EDQUOT') return error;
  return new ObjectStoreError(
    'store-full',
    'The disk that holds the object store is full. Free some space and try again.',
    { cause: error },
  );
}
