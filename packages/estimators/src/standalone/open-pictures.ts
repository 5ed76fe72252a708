import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { type ImagesProfile, VandaError } from '@vanda/contracts';
import { inspectPicture } from '../pictures/decode-picture.ts';
import type { PictureItem } from '../pictures/read-shards.ts';
import { findIdxPairs, readIdxPairs } from './idx-files.ts';

export interface OpenedPictures {
  profile: ImagesProfile;
  items: AsyncIterable<PictureItem>;
  /** Files that are no pictures, each with its reason. */
  warnings: string[];
}

/**
 * Opens a folder of pictures with one sub-folder a label, below train, validation and test where the split is
 * given, or a folder of IDX pairs.
 */
export async function openPictures(folder: string): Promise<OpenedPictures> {
  const names = await readdir(folder).catch(() => {
    throw new VandaError('bad-data', `There is no folder ${folder}.`);
  });
  const pairs = await findIdxPairs(folder);
  if (pairs.length > 0) {
    const items = await readIdxPairs(pairs);
    const sizes = new Map<string, number>();
    for (const { picture } of items) {
      if (picture instanceof Uint8Array) continue;
      count(sizes, `${picture.width}x${picture.height}`);
    }
    return { profile: profileOf(items, sizes, 1), items: replay(items), warnings: [] };
  }
  if (names.length === 0) throw new VandaError('bad-data', `The folder ${folder} is empty.`);
  return await openFolder(folder);
}

async function openFolder(folder: string): Promise<OpenedPictures> {
  const found: Omit<PictureItem, 'picture'>[] = [];
  const sizes = new Map<string, number>();
  const warnings: string[] = [];
  let channels: 1 | 3 = 1;
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const path of paths) {
    const parts = relative(folder, path).split(sep);
    const split = splitNamed(parts[0]);
    const label = parts[split === null ? 0 : 1];
    if (label === undefined || parts.length < (split === null ? 2 : 3)) continue;
    try {
      const facts = await inspectPicture(await readFile(path));
      count(sizes, `${facts.width}x${facts.height}`);
      if (facts.channels === 3) channels = 3;
      found.push({ label, name: path, split });
    } catch (error) {
      if (!(error instanceof VandaError)) throw error;
      warnings.push(`${path} is left out: ${error.message}`);
    }
  }
  if (found.length === 0) {
    throw new VandaError(
      'bad-data',
      `The folder ${folder} has no pictures in sub-folders; each sub-folder's name is a label.`,
    );
  }
  return { profile: profileOf(found, sizes, channels), items: readEach(found), warnings };
}

async function* readEach(
  found: readonly Omit<PictureItem, 'picture'>[],
): AsyncGenerator<PictureItem> {
  for (const item of found) yield { ...item, picture: await readFile(item.name) };
}

async function* replay(items: readonly PictureItem[]): AsyncGenerator<PictureItem> {
  yield* items;
}

function splitNamed(folder: string | undefined): PictureItem['split'] {
  return folder === 'train' || folder === 'validation' || folder === 'test' ? folder : null;
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function profileOf(
  items: readonly Omit<PictureItem, 'picture'>[],
  sizes: Map<string, number>,
  channels: 1 | 3,
): ImagesProfile {
  const labels = new Map<string, number>();
  const splits = { train: 0, validation: 0, test: 0 };
  for (const { label, split } of items) {
    count(labels, label);
    if (split !== null) splits[split]++;
  }
  return {
    kind: 'images',
    items: items.length,
    splits,
    labels: [...labels].map(([label, times]) => ({ label, count: times })),
    sizes: [...sizes]
      .sort(([, a], [, b]) => b - a)
      .slice(0, 20)
      .map(([size, times]) => {
        const [width = 0, height = 0] = size.split('x').map(Number);
        return { width, height, count: times };
      }),
    channels,
    files: [],
    preview: { key: '', sha256: '', bytes: 0, items: 0 },
  };
}
