/** One file of a push, wherever it lies: by itself, in a zip or in a tar. */
export type Entry = {
  /** As the user knows it, with "/" between folders; never used to open anything. */
  path: string;
  size: number;
  /** All of it; refused above `bytesMax`. */
  read(bytesMax: number): Promise<Buffer>;
  /** The first bytes, to tell what it is. */
  start(bytes: number): Promise<Buffer>;
  /** Copies it to a file of ours. */
  copyTo(target: string): Promise<void>;
};

/** Segments that lead out of the folder, or that other systems read otherwise. */
export function isUnsafePath(path: string): boolean {
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path) || path.includes('\0')) return true;
  return path.split('/').includes('..');
}

/** What operating systems leave in folders, and nobody means to push. */
export function isLitter(path: string): boolean {
  const segments = path.split('/');
  if (segments.some((segment) => /^\.(?!\.?$)/.test(segment))) return true;
  if (segments.includes('__MACOSX')) return true;
  return /^(thumbs\.db|desktop\.ini)$/i.test(segments.at(-1) ?? '');
}

export function tidyPath(path: string): string {
  return path
    .replaceAll('\\', '/')
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.')
    .join('/');
}
