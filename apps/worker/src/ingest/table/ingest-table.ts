import { join } from 'node:path';
import { type ColumnType, type TableProfile, VandaError } from '@vanda/contracts';
import { badData } from '../bad-data.ts';
import type { ContentSink } from '../content-sink.ts';
import type { Rejections } from '../rejections.ts';
import { type Duck, openDuck, text } from './duck.ts';
import { inferColumns, type TypedColumn } from './infer-columns.ts';
import { loadCsv } from './load-csv.ts';
import { loadJson } from './load-json.ts';
import { openParquet } from './load-parquet.ts';
import { previewTable } from './preview-table.ts';
import { profileColumns } from './profile-columns.ts';
import { RawTable } from './raw-table.ts';
import { countSplits, findSplitColumn } from './split-column.ts';
import type { TableFile } from './table-file.ts';
import { writeCanonical } from './write-canonical.ts';

export type TableIngest = {
  files: readonly TableFile[];
  overrides: Readonly<Record<string, ColumnType>>;
  folder: string;
  sink: ContentSink;
  rejections: Rejections;
  onProgress: (percent: number, note: string) => void;
  signal?: AbortSignal;
};

type Source = {
  relation: string;
  columns: TypedColumn[];
  rowLabel: (rowId: number) => string;
};

/** Files of rows into one Parquet file with types, statistics, and a preview. */
export async function ingestTable(task: TableIngest): Promise<TableProfile> {
  const duck = await openDuck(task.folder);
  const stop = () => duck.interrupt();
  task.signal?.addEventListener('abort', stop);
  try {
    return await withDuck(duck, task);
  } catch (error) {
    task.signal?.throwIfAborted();
    throw readable(error);
  } finally {
    task.signal?.removeEventListener('abort', stop);
    duck.close();
  }
}

/** The database's own refusals as sentences; a failing disk or a mistake of ours stays what it is. */
function readable(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof VandaError) return error;
  const [first = ''] = error.message.split('\n');
  if (first.startsWith('Out of Memory')) {
    const detail = 'The table needs more memory than an ingest may use. Push fewer columns.';
    return new VandaError('out-of-memory', detail, undefined, { cause: error });
  }
  if (!/^(Invalid Input|Conversion|Out of Range) Error/.test(first)) return error;
  return badData(`The table cannot be read: ${first.slice(0, 300)}`);
}

async function withDuck(duck: Duck, task: TableIngest): Promise<TableProfile> {
  const { rejections, sink, onProgress } = task;
  const isParquet = task.files[0]?.format === 'parquet';
  const source = isParquet ? await fromParquet(duck, task) : await fromText(duck, task);
  warnOfOverrides(task, source);
  const split = await findSplitColumn(duck, source.relation, source.columns, rejections);

  onProgress(45, 'Writing Parquet');
  const target = join(task.folder, 'table.parquet');
  const { columns } = split;
  const { relation, rowLabel } = source;
  const rows = await writeCanonical(duck, relation, columns, rowLabel, target, rejections);
  if (rows === 0) throw badData(`No row could be taken. ${rejections.mainReason() ?? ''}`.trim());
  if (columns.length === 1) {
    rejections.warn('The table has one column: there is nothing to predict it from.');
  }

  const canonical = `read_parquet(${text(target)})`;
  const profiles = await profileColumns(duck, canonical, columns, rows, (done) =>
    onProgress(60 + Math.floor((30 * done) / columns.length), 'Computing statistics'),
  );
  for (const { name, count } of profiles) {
    if (count === 0) rejections.warn(`The column "${name.slice(0, 60)}" is empty.`);
  }
  onProgress(92, 'Storing');
  const preview = await previewTable(duck, canonical, columns);
  return {
    kind: 'table',
    items: rows,
    splits: await countSplits(duck, canonical, split.splitColumn),
    splitColumn: split.splitColumn ?? null,
    columns: profiles,
    files: [await sink.file(target, rows)],
    preview: await sink.json(preview, preview.kind === 'table' ? preview.rows.length : 0),
  };
}

async function fromText(duck: Duck, task: TableIngest): Promise<Source> {
  const { rejections, folder, signal } = task;
  const raw = new RawTable();
  for (const [index, file] of task.files.entries()) {
    signal?.throwIfAborted();
    task.onProgress(5 + Math.floor((25 * index) / task.files.length), `Reading ${file.label}`);
    if (file.format === 'csv') {
      raw.add(await loadCsv(file, index, folder, rejections, signal), rejections);
    } else if (file.format === 'json') {
      raw.add(await loadJson(duck, file, index, folder, rejections), rejections);
    } else {
      rejections.add(file.label, 'Parquet does not mix with text files in one push');
    }
  }
  await raw.createView(duck);
  task.onProgress(30, 'Finding the types of the columns');
  const columns = await inferColumns(duck, raw.columns, raw.rows, task.overrides, folder);
  return { relation: 'raw', columns, rowLabel: (rowId) => raw.rowLabel(rowId) };
}

async function fromParquet(duck: Duck, task: TableIngest): Promise<Source> {
  const same = task.files.filter(({ format }) => format === 'parquet');
  for (const other of task.files.filter(({ format }) => format !== 'parquet')) {
    task.rejections.add(other.label, 'Parquet does not mix with text files in one push');
  }
  const [first] = same;
  const label = same.length === 1 ? (first?.label ?? '') : `${first?.label} and the other files`;
  const paths = same.map(({ path }) => path);
  task.onProgress(10, `Reading ${label}`);
  const opened = await openParquet(duck, paths, label, task.rejections, task.overrides);
  return { ...opened, rowLabel: (rowId) => `${label}, row ${rowId + 1}` };
}

function warnOfOverrides(task: TableIngest, source: Source): void {
  for (const wanted of Object.keys(task.overrides)) {
    if (source.columns.some(({ name }) => name === wanted)) continue;
    task.rejections.warn(`There is no column "${wanted.slice(0, 60)}" to give a type to.`);
  }
}
