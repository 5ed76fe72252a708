import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isObjectStoreError, ObjectStoreError } from './object-store-error.ts';
import type { ObjectStore, StoredObject } from './port.ts';

const triesMax = 4;

/** Goes on by range from the last byte that arrived, since large downloads do get cut. */
export async function downloadToFile(
  store: Pick<ObjectStore, 'get'>,
  key: string,
  path: string,
  signal?: AbortSignal,
): Promise<StoredObject> {
  await mkdir(dirname(path), { recursive: true });
  const temp = `${path}.${randomBytes(6).toString('hex')}`;
  const file = await open(temp, 'wx');
  const hash = createHash('sha256');
  let size = 0;
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        const body = await store.get(key, size === 0 ? undefined : { start: size });
        for await (const chunk of body.stream as AsyncIterable<Buffer>) {
          signal?.throwIfAborted();
          await file.writeFile(chunk);
          hash.update(chunk);
          size += chunk.byteLength;
        }
        if (size === body.size) break;
        throw new ObjectStoreError('store-unavailable', `The download of ${key} ended early.`);
      } catch (error) {
        const final = isObjectStoreError(error, 'object-not-found') || signal?.aborted;
        if (final || attempt === triesMax) throw error;
      }
    }
    await file.close();
    await rename(temp, path);
    return { key, size, sha256: hash.digest('hex') };
  } catch (error) {
    await file.close().catch(() => {});
    await rm(temp, { force: true });
    throw error;
  }
}
