import { createHash } from 'node:crypto';
import { lstat, readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { UploadSource } from '@vanda/client';
import { VandaError } from '@vanda/contracts';
import { fileSource, tarSource } from './sources.ts';
import { type PackedFile, planShards } from './tar-plan.ts';

/** One upload to be, and what its bytes are known by when a push is begun again. */
export interface Planned {
  source: UploadSource;
  fingerprint: string;
  /** Files inside. */
  files: number;
}

export const shardBytesMax = 256 * 1024 ** 2;
const sentAlone = /\.(csv|tsv|json|jsonl|ndjson|parquet|zip|txt)(\.gz)?$|-idx\d-ubyte(\.gz)?$/i;

interface Found extends PackedFile {
  mtimeMs: number;
}

/**
 * What a push of these paths sends. A file goes as it is. A folder goes as tar shards, its sub-folders being labels;
 * where it holds nothing but tables or IDX files, those go as they are. Of several folders each name stays a top
 * folder, so that `push NAME pictures/*` finds its labels.
 */
export async function collect(paths: string[]): Promise<Planned[]> {
  // A path that is named twice is sent once.
  const distinct = [...new Map(paths.map((path) => [resolve(path), path])).values()];
  const kinds = await Promise.all(distinct.map(async (path) => ({ path, at: await stat(path) })));
  const folders = kinds.filter(({ at }) => at.isDirectory()).length;
  const planned: Planned[] = [];
  for (const { path, at } of kinds) {
    if (at.isDirectory()) {
      planned.push(...(await collectFolder(path, folders > 1)));
    } else if (at.isFile()) {
      planned.push(alone({ name: path, path: resolve(path), size: at.size, mtimeMs: at.mtimeMs }));
    } else {
      throw new VandaError('bad-data', `${path} is neither a file nor a folder.`);
    }
  }
  return planned;
}

async function collectFolder(path: string, keepName: boolean): Promise<Planned[]> {
  const files = await walk(resolve(path));
  if (files.length === 0) throw new VandaError('bad-data', `The folder ${path} holds no file.`);
  const isFlat = files.every(({ name }) => !name.includes('/') && sentAlone.test(name));
  if (isFlat) return files.map(alone);
  const top = basename(resolve(path));
  const packed = files.map((file) => (keepName ? { ...file, name: `${top}/${file.name}` } : file));
  return packedFiles(top, packed);
}

/**
 * These files of a folder alone, under their own paths.
 *
 * @param names with "/" between folders
 */
export async function collectFiles(folder: string, names: readonly string[]): Promise<Planned[]> {
  const found: Found[] = [];
  for (const name of names) {
    const path = join(resolve(folder), name);
    const at = await stat(path).catch(() => null);
    if (!at?.isFile()) throw new VandaError('bad-data', `${folder} has no file ${name}.`);
    found.push({ name, path, size: at.size, mtimeMs: at.mtimeMs });
  }
  return packedFiles(basename(resolve(folder)), found);
}

function packedFiles(top: string, packed: Found[]): Planned[] {
  return planShards(packed, shardBytesMax).map((plan, index) => ({
    source: tarSource(`${top}-${String(index).padStart(5, '0')}.tar`, plan),
    fingerprint: fingerprint(plan.files as Found[]),
    files: plan.files.length,
  }));
}

function alone(file: Found): Planned {
  return { source: fileSource(file.path, file.size), fingerprint: fingerprint([file]), files: 1 };
}

/** Regular files in the order of their names. Hidden files are an editor's or the system's; links may lead anywhere. */
async function walk(folder: string): Promise<Found[]> {
  const found: Found[] = [];
  const visit = async (inside: string): Promise<void> => {
    const entries = await readdir(join(folder, inside), { withFileTypes: true });
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      if (entry.name.startsWith('.') || entry.name === '__MACOSX') continue;
      const name = inside === '' ? entry.name : `${inside}/${entry.name}`;
      if (entry.isDirectory()) await visit(name);
      if (!entry.isFile()) continue;
      const path = join(folder, name);
      const { size, mtimeMs } = await lstat(path);
      found.push({ name, path, size, mtimeMs });
    }
  };
  await visit('');
  return found;
}

function fingerprint(files: Found[]): string {
  const hash = createHash('sha256');
  for (const { name, path, size, mtimeMs } of files) {
    hash.update(`${JSON.stringify([name, path, size, mtimeMs])}\n`);
  }
  return hash.digest('hex');
}
