import { open } from 'node:fs/promises';
import { FormatError } from './format-error.ts';

const FILE_BYTES_MAX = 4 * 2 ** 30;
const PART_BYTES = 2 ** 30;

/** All bytes of a file of at most 4 GiB. */
export async function readModelFile(format: string, file: string): Promise<Buffer> {
  const handle = await open(file, 'r');
  try {
    const info = await handle.stat();
    if (!info.isFile()) throw new FormatError(format, 'file', 'is no file');
    if (info.size > FILE_BYTES_MAX) throw new FormatError(format, 'file', 'has over 4 GiB');
    const bytes = Buffer.allocUnsafe(info.size);
    let done = 0;
    while (done < info.size) {
      const length = Math.min(info.size - done, PART_BYTES);
      const { bytesRead } = await handle.read(bytes, done, length, done);
      if (bytesRead === 0)
        throw new FormatError(format, 'file', 'became shorter while it was read');
      done += bytesRead;
    }
    return bytes;
  } finally {
    await handle.close();
  }
}
