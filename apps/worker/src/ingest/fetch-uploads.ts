import { join } from 'node:path';
import { VandaError } from '@vanda/contracts';
import { isObjectStoreError } from '@vanda/objects';
import type { WorkerDeps } from '../deps.ts';
import type { PushedFile } from './archives/collect-entries.ts';

interface FetchedUpload {
  filename: string;
  objectKey: string;
  sha256: string | null;
}

/** The SHA-256 that the client gave for the whole is always verified here. */
export async function fetchUploads(
  { objects }: WorkerDeps,
  uploads: readonly FetchedUpload[],
  folder: string,
  signal: AbortSignal,
): Promise<PushedFile[]> {
  const files: PushedFile[] = [];
  for (const [index, upload] of uploads.entries()) {
    const path = join(folder, String(index));
    const got = await objects.getFile(upload.objectKey, path, { signal }).catch((error) => {
      if (!isObjectStoreError(error, 'object-not-found')) throw error;
      throw new VandaError('not-found', `The bytes of ${upload.filename} are gone: push it again.`);
    });
    if (upload.sha256 !== null && got.sha256 !== upload.sha256) {
      throw new VandaError(
        'checksum-mismatch',
        `${upload.filename} was to have the SHA-256 ${upload.sha256}, but it is ${got.sha256}: push it again.`,
      );
    }
    files.push({ path, filename: upload.filename });
  }
  return files;
}
