import { copyFile, open, readFile } from 'node:fs/promises';
import type { Entry } from './entry.ts';

/** A file on our disk under the path that the user knows. */
export function looseEntry(file: string, path: string, size: number): Entry {
  return {
    path,
    size,
    read: () => readFile(file),
    start: async (bytes) => {
      const handle = await open(file, 'r');
      try {
        const buffer = Buffer.alloc(Math.min(bytes, size));
        const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
        return buffer.subarray(0, bytesRead);
      } finally {
        await handle.close();
      }
    },
    copyTo: (target) => copyFile(file, target),
  };
}
