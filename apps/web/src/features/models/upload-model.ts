import { blobSource, uploadFile } from '@vanda/client';
import { client } from '../../lib/call.ts';
import type { DroppedFile } from '../../ui/dropped-files.ts';
import { packTar } from '../datasets/pack-tar.ts';

/** Sends the files of a model, folders with their paths, and answers the uploads. */
export async function uploadModel(
  files: readonly DroppedFile[],
  onProgress: (fraction: number) => void,
): Promise<string[]> {
  const inFolders = files.some(({ path }) => path.includes('/'));
  const blobs = inFolders
    ? packTar([...files]).map((blob, index) => ({ blob, filename: `folder-${index}.tar` }))
    : files.map(({ file }) => ({ blob: file as Blob, filename: file.name }));
  const bytes = blobs.reduce((sum, { blob }) => sum + blob.size, 0);
  const uploads: string[] = [];
  let before = 0;
  for (const { blob, filename } of blobs) {
    const { uploadId } = await uploadFile(client, blobSource(blob, filename), {
      onProgress: ({ sent }) => onProgress(bytes === 0 ? 1 : (before + sent) / bytes),
    });
    before += blob.size;
    uploads.push(uploadId);
  }
  return uploads;
}
