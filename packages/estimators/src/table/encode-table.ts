import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ColumnProfile } from '@vanda/contracts';
import type { DuckDb } from './duckdb.ts';
import { type EncodedRows, RowEncoder } from './encode.ts';
import type { TablePreprocessing } from './preprocessing.ts';
import { scanTable } from './scan.ts';

/** Little-endian files of one record a row, which the engine maps into memory. */
export interface EncodedTable {
  rows: number;
  files: Record<keyof EncodedRows, string>;
}

/** Encodes every row of the table, whatever its split, into files; memory stays flat. */
export async function encodeTable(
  database: DuckDb,
  files: readonly string[],
  columns: readonly ColumnProfile[],
  preprocessing: TablePreprocessing,
  folder: string,
  signal: AbortSignal,
): Promise<EncodedTable> {
  const encoder = new RowEncoder(preprocessing);
  const types = new Map(columns.map((column) => [column.name, column.type]));
  const scanned = preprocessing.features.map(({ name }) => ({
    name,
    type: types.get(name) ?? 'text',
  }));
  const paths = {
    numeric: join(folder, 'numeric.f32'),
    oneHot: join(folder, 'one-hot.i32'),
    embedding: join(folder, 'embedding.i32'),
  };
  const outputs = {
    numeric: await open(paths.numeric, 'w'),
    oneHot: await open(paths.oneHot, 'w'),
    embedding: await open(paths.embedding, 'w'),
  };
  let rows = 0;
  try {
    for await (const chunk of scanTable(database, files, scanned)) {
      signal.throwIfAborted();
      const encoded = encoder.allocate(chunk.count);
      chunk.columns.forEach((values, feature) => {
        for (let row = 0; row < chunk.count; row++) {
          encoder.encode(feature, values[row] ?? null, row, encoded);
        }
      });
      for (const part of ['numeric', 'oneHot', 'embedding'] as const) {
        if (encoded[part].length > 0) await outputs[part].writeFile(encoded[part]);
      }
      rows += chunk.count;
    }
  } finally {
    await Promise.all(Object.values(outputs).map((output) => output.close()));
  }
  return { rows, files: paths };
}

/** The files are as large as the table; nobody reads them after training. */
export async function removeEncoded({ files }: EncodedTable): Promise<void> {
  await Promise.all(Object.values(files).map((file) => rm(file, { force: true })));
}
