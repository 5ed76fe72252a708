import type { StoredFile } from '@vanda/contracts';

/** Of larger data sets some files are enough to compare on. */
const bytesMax = 2 * 1024 ** 3;

/** All files of a data set, or as many, evenly spread over it, as are not too large together; at least one. */
export function filesToSample(files: readonly StoredFile[]): { file: StoredFile; from: number }[] {
  let items = 0;
  const placed = files.map((file) => {
    const from = items;
    items += file.items;
    return { file, from };
  });
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const count = Math.max(1, Math.floor(files.length * Math.min(1, bytesMax / bytes)));
  return placed.filter((_, i) => {
    const before = Math.floor((i * count) / files.length);
    return Math.floor(((i + 1) * count) / files.length) > before;
  });
}
