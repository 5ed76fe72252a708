import { createReadStream, createWriteStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { badData } from '../bad-data.ts';
import type { Rejections } from '../rejections.ts';
import { UnfoldBudget } from './archive-limits.ts';
import { type Entry, isLitter, tidyPath } from './entry.ts';
import { looseEntry } from './loose-entry.ts';
import { sniff, sniffBytes } from './sniff.ts';
import { tarEntries } from './tar-entries.ts';
import { zipEntries } from './zip-entries.ts';

/** A file that was pushed: where it lies with us, and what the user calls it. */
export type PushedFile = { path: string; filename: string };

export type Collected = { entries: Entry[]; close: () => Promise<void> };

/** All files of a push, those in archives included: known by name and place, not yet read. */
export async function collectEntries(
  files: readonly PushedFile[],
  folder: string,
  rejections: Rejections,
): Promise<Collected> {
  const entries: Entry[] = [];
  const closers: (() => unknown)[] = [];
  const close = async () => {
    for (const closer of closers) await closer();
  };
  try {
    for (const [index, file] of files.entries()) {
      const { path, filename } = await unpacked(file, join(folder, `inflated-${index}`));
      const found = await entriesOf(path, filename, rejections, closers);
      for (const entry of found) entries.push(entry);
    }
    return { entries, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function entriesOf(
  path: string,
  filename: string,
  rejections: Rejections,
  closers: (() => unknown)[],
): Promise<Entry[]> {
  const { size } = await stat(path);
  const safeName = withoutClimbing(filename);
  const label = basename(safeName) || 'file';
  const loose = looseEntry(path, safeName || 'file', size);
  const content = sniff(await loose.start(sniffBytes));
  if (content === 'zip') {
    const zip = await zipEntries(path, label, size, rejections);
    closers.push(zip.close);
    return zip.entries;
  }
  if (content === 'tar') {
    const archive = await open(path, 'r');
    closers.push(() => archive.close());
    return tarEntries(archive, path, label, rejections);
  }
  return isLitter(safeName) ? [] : [loose];
}

/** A gzip is unfolded first, so that what it holds is looked at by its content. */
export async function unpacked(file: PushedFile, target: string): Promise<PushedFile> {
  const { size } = await stat(file.path);
  const start = await looseEntry(file.path, '', size).start(2);
  if (start[0] !== 0x1f || start[1] !== 0x8b) return file;
  const label = basename(withoutClimbing(file.filename));
  const budget = new UnfoldBudget(label, size);
  await pipeline(
    createReadStream(file.path, { highWaterMark: 1024 ** 2 }),
    createGunzip(),
    async function* counted(chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        budget.bytes(chunk.length);
        yield chunk;
      }
    },
    createWriteStream(target),
  ).catch((error: NodeJS.ErrnoException) => {
    if (error.code?.startsWith('Z_')) throw badData(`${label} is a damaged gzip file.`);
    throw error;
  });
  const filename = file.filename.replace(/\.tgz$/i, '.tar').replace(/\.gz$/i, '');
  return { path: target, filename };
}

/** Names of single files are for people: what would climb is simply not part of them. */
function withoutClimbing(filename: string): string {
  const segments = tidyPath(filename.replaceAll('\0', '')).split('/');
  return segments.filter((segment) => segment !== '..').join('/');
}
