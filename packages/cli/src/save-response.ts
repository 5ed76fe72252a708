import { createHash } from 'node:crypto';
import { open, rename, rm, stat } from 'node:fs/promises';
import { VandaError } from '@vanda/contracts';

/** Writes an answer's body to a file: the whole of it, or nothing. */
export async function saveResponse(
  response: Response,
  file: string,
  onProgress: (written: number, size: number | null) => void,
): Promise<{ bytes: number; sha256: string }> {
  const at = await stat(file).catch(() => null);
  if (at?.isDirectory()) {
    throw new VandaError('invalid-request', `${file} is a folder: name a file, like model.vanda.`);
  }
  const length = response.headers.get('content-length');
  const size = length === null ? null : Number(length);
  const arriving = `${file}.${process.pid}.part`;
  const hash = createHash('sha256');
  const handle = await open(arriving, 'w');
  let bytes = 0;
  try {
    const reader = response.body?.getReader();
    for (let chunk = await reader?.read(); chunk && !chunk.done; chunk = await reader?.read()) {
      await handle.writeFile(chunk.value);
      hash.update(chunk.value);
      bytes += chunk.value.byteLength;
      onProgress(bytes, size);
    }
    await handle.close();
    if (size !== null && bytes !== size) {
      throw new VandaError('unavailable', `The download ended after ${bytes} of ${size} bytes.`);
    }
    await rename(arriving, file);
    return { bytes, sha256: hash.digest('hex') };
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(arriving, { force: true });
    throw error;
  }
}
