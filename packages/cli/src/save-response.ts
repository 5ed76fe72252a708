import { createHash } from 'node:crypto';
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { VandaError } from '@vanda/contracts';
import type { Context } from './context.ts';
import { size as sizeText } from './output/text.ts';

/** Throws where no file can be written under this name; one that is there will be written over. */
export async function refuseFile(file: string, example: string): Promise<void> {
  const at = await stat(file).catch(() => null);
  if (at?.isDirectory()) {
    throw invalid(`${file} is a folder: name a file, like ${join(file, example)}.`);
  }
  const folder = dirname(file);
  const above = await stat(folder).catch(() => null);
  if (above?.isDirectory()) return;
  throw invalid(
    above === null
      ? `There is no folder ${folder} to write ${file} into: make it first.`
      : `${folder} is no folder: name a file in one.`,
  );
}

function invalid(sentence: string): VandaError {
  return new VandaError('invalid-request', sentence);
}

/** Writes an answer's body to a file: the whole of it, or nothing. */
export async function saveResponse(
  context: Context,
  response: Response,
  file: string,
): Promise<{ bytes: number; sha256: string }> {
  const length = response.headers.get('content-length');
  const size = length === null ? null : Number(length);
  const arriving = `${file}.${process.pid}.part`;
  const hash = createHash('sha256');
  const handle = await open(arriving, 'w').catch((error: NodeJS.ErrnoException) => {
    throw invalid(`${file} cannot be written (${error.code}): name a file in a folder of yours.`);
  });
  const progress = context.progress('Downloading');
  let bytes = 0;
  try {
    const reader = response.body?.getReader();
    for (let chunk = await reader?.read(); chunk && !chunk.done; chunk = await reader?.read()) {
      await handle.writeFile(chunk.value);
      hash.update(chunk.value);
      bytes += chunk.value.byteLength;
      progress.show(size ? (100 * bytes) / size : null, sizeText(bytes));
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
  } finally {
    progress.end();
  }
}
