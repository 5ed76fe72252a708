import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import {
  type DatasetProfile,
  type IngestOptions,
  type Receipt,
  type StoredFile,
  VandaError,
} from '@vanda/contracts';
import { collectEntries, type PushedFile, unpacked } from './archives/collect-entries.ts';
import type { Entry } from './archives/entry.ts';
import { type Content, sniff, sniffBytes } from './archives/sniff.ts';
import { badData } from './bad-data.ts';
import { ContentSink } from './content-sink.ts';
import { readIdxHeader } from './images/idx.ts';
import { ingestIdx } from './images/ingest-idx.ts';
import { ingestPictures } from './images/ingest-pictures.ts';
import { Rejections } from './rejections.ts';
import { ingestTable } from './table/ingest-table.ts';
import { splitCalled } from './table/split-column.ts';
import type { TableFile } from './table/table-file.ts';

export type IngestTask = {
  /** What was pushed, in the order of its uploads. */
  files: readonly PushedFile[];
  options: IngestOptions;
  /** The kind that the dataset has already; another one is refused. */
  datasetKind?: 'table' | 'images';
  projectId: string;
  /** An empty folder of its own, which the caller removes. */
  workDir: string;
  /** Where the files of the version are laid down, each called as its SHA-256. */
  outDir: string;
  signal?: AbortSignal;
  onProgress?: (percent: number, note: string) => void;
};

export type IngestResult = {
  profile: DatasetProfile;
  receipt: Receipt;
  /** SHA-256 over the canonical content: the same data pushed again has the same one. */
  contentHash: string;
  manifest: StoredFile;
  /** JSON lines, one a rejected item. */
  rejected: StoredFile | undefined;
  /** All of them, to be put into the store before the version is written down. */
  files: StoredFile[];
  /** Their sizes together. */
  bytes: number;
};

type Sorted = Record<
  'pictures' | 'idx' | 'tables' | 'others',
  { entry: Entry; content: Content }[]
>;

/**
 * Pushed files into the canonical form of a dataset version, laid down under its hashes. Throws
 * `bad-data` with a sentence where nothing can be taken; single bad items are in the receipt.
 */
export async function runIngest(task: IngestTask): Promise<IngestResult> {
  await mkdir(task.workDir, { recursive: true });
  const { projectId, workDir, outDir } = task;
  const sink = new ContentSink({ projectId, workDir, outDir });
  const rejections = new Rejections(join(workDir, 'rejected.jsonl'));
  const collected = await collectEntries(task.files, workDir, rejections);
  try {
    const profile = await profileOf(collected.entries, task, sink, rejections);
    await rejections.close();
    const manifest = await sink.json(manifestOf(profile), profile.items);
    const rejected =
      rejections.count > 0 ? await sink.file(rejections.path, rejections.count) : undefined;
    return {
      profile,
      receipt: rejections.receipt(profile.items),
      contentHash: contentHashOf(profile),
      manifest,
      rejected,
      files: sink.stored,
      bytes: sink.stored.reduce((sum, file) => sum + file.bytes, 0),
    };
  } finally {
    await collected.close();
  }
}

async function profileOf(
  entries: readonly Entry[],
  task: IngestTask,
  sink: ContentSink,
  rejections: Rejections,
): Promise<DatasetProfile> {
  const { workDir: folder, signal } = task;
  const onProgress = task.onProgress ?? (() => {});
  onProgress(2, 'Looking at the files');
  const sorted = await sortByContent(entries, rejections, signal);
  const kind = kindOf(sorted, task);
  const unfit = kind === 'table' ? [...sorted.pictures, ...sorted.idx] : sorted.tables;
  for (const { entry, content } of [...sorted.others, ...unfit]) {
    rejections.add(entry.path, reasonFor(content, kind));
  }
  const shared = { folder, sink, rejections, onProgress, signal };
  if (kind === 'images' && sorted.idx.length > 0) {
    for (const { entry } of sorted.pictures) {
      rejections.add(entry.path, 'Pictures do not mix with IDX files in one push');
    }
    const files = await Promise.all(
      sorted.idx.map(async ({ entry }, index) => {
        return readIdxHeader(await onDisk(entry, folder, `idx-${index}`), basename(entry.path));
      }),
    );
    return ingestIdx(files, shared);
  }
  if (kind === 'images' && sorted.pictures.length > 0) {
    return ingestPictures({ ...shared, entries: sorted.pictures.map(({ entry }) => entry) });
  }
  if (kind === 'table' && sorted.tables.length > 0) {
    const files = await tableFiles(sorted.tables, folder);
    return ingestTable({ ...shared, files, overrides: task.options.columns ?? {} });
  }
  const main = rejections.mainReason();
  throw badData(
    main === undefined ? 'The push holds no files.' : `Nothing could be taken. ${main}.`,
  );
}

/** By content; only a picture's name is believed until it is decoded, so that a fake is called one. */
async function sortByContent(
  entries: readonly Entry[],
  rejections: Rejections,
  signal?: AbortSignal,
): Promise<Sorted> {
  const sorted: Sorted = { pictures: [], idx: [], tables: [], others: [] };
  for (const entry of entries) {
    signal?.throwIfAborted();
    const named = /\.(jpe?g|png|webp|gif)$/i.test(entry.path);
    let content: Content;
    try {
      content = named ? 'picture' : sniff(await entry.start(sniffBytes));
    } catch (error) {
      if (!(error instanceof VandaError)) throw error;
      rejections.add(entry.path, error.message);
      continue;
    }
    if (content === 'gzip' && /\bidx\d|\.gz$/i.test(entry.path)) content = gzipContent(entry.path);
    if (content === 'picture') sorted.pictures.push({ entry, content });
    else if (content === 'idx') sorted.idx.push({ entry, content });
    else if (content === 'text' || content === 'json' || content === 'parquet') {
      sorted.tables.push({ entry, content });
    } else sorted.others.push({ entry, content });
  }
  return sorted;
}

/** A gzip inside an archive is only unfolded once it is needed; its name says what for. */
function gzipContent(path: string): Content {
  if (/idx\d/i.test(path)) return 'idx';
  if (/\.(csv|tsv|txt)\.gz$/i.test(path)) return 'text';
  return /\.(json|jsonl|ndjson)\.gz$/i.test(path) ? 'json' : 'gzip';
}

function kindOf(sorted: Sorted, task: IngestTask): 'table' | 'images' {
  const found =
    sorted.idx.length > 0 || sorted.pictures.length > 0
      ? 'images'
      : sorted.tables.length > 0
        ? 'table'
        : undefined;
  const kind = task.options.kind ?? found ?? task.datasetKind ?? 'table';
  if (task.datasetKind !== undefined && found !== undefined && kind !== task.datasetKind) {
    const [has, is] = kind === 'table' ? ['pictures', 'a table'] : ['a table', 'pictures'];
    throw badData(`The dataset holds ${has}, and this push is ${is}: give it another name.`);
  }
  return kind;
}

function reasonFor(content: Content, kind: 'table' | 'images'): string {
  if (content === 'empty') return 'The file is empty';
  if (content === 'zip' || content === 'tar' || content === 'gzip') {
    return 'An archive within an archive is not opened';
  }
  if (kind === 'images') return 'It is not a picture; pictures are JPEG, PNG, WebP or GIF.';
  if (content === 'picture' || content === 'idx') return 'It is a picture, not a table';
  return 'It is not text: tables are CSV, TSV, JSON, JSON lines or Parquet';
}

async function tableFiles(tables: Sorted['tables'], folder: string): Promise<TableFile[]> {
  const ordered = [...tables].sort((a, b) => (a.entry.path < b.entry.path ? -1 : 1));
  const splits = ordered.map(({ entry }) => splitCalled(stemOf(entry.path)));
  const isSplit = ordered.length > 1 && splits.every((split) => split !== undefined);
  return Promise.all(
    ordered.map(async ({ entry, content }, index) => ({
      path: await onDisk(entry, folder, `table-${index}`),
      label: basename(entry.path),
      format: content === 'text' ? ('csv' as const) : (content as 'json' | 'parquet'),
      ...(isSplit && { split: splits[index] }),
    })),
  );
}

function stemOf(path: string): string {
  const name = basename(path).replace(/\.gz$/i, '');
  return name.slice(0, name.length - extname(name).length);
}

async function onDisk(entry: Entry, folder: string, name: string): Promise<string> {
  const target = join(folder, name);
  await entry.copyTo(target).catch((error: unknown) => {
    if (!(error instanceof VandaError)) throw error;
    throw badData(`${basename(entry.path)}: ${error.message}.`);
  });
  const inflated = await unpacked({ path: target, filename: entry.path }, `${target}-inflated`);
  return inflated.path;
}

/** Everything that a reader needs without this platform: what the files are, and their hashes. */
function manifestOf(profile: DatasetProfile): Record<string, unknown> {
  const { preview: _, ...rest } = profile;
  const format = profile.kind === 'table' ? 'parquet' : 'webdataset';
  const files = profile.files.map(({ sha256, bytes, items }) => ({ sha256, bytes, items }));
  return { formatVersion: 1, format, ...rest, files };
}

function contentHashOf(profile: DatasetProfile): string {
  const columns =
    profile.kind === 'table' ? profile.columns.map(({ name, type }) => [name, type]) : [];
  const files = profile.files.map(({ sha256 }) => sha256);
  const content = JSON.stringify([profile.kind, columns, files]);
  return createHash('sha256').update(content).digest('hex');
}
