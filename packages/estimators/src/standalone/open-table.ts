import { stat, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import {
  type ColumnProfile,
  type ColumnType,
  type TableProfile,
  VandaError,
} from '@vanda/contracts';
import { type DuckDb, openDuckDb, quoteName, quoteText } from '../table/duckdb.ts';
import type { TrainingData } from '../training.ts';

/** A file (CSV, TSV, JSON, JSON lines, Parquet) or rows in memory. */
export type TableSource = string | readonly Record<string, unknown>[];

/** Reads a table into the canonical form that training takes: Parquet beside a profile of its columns. */
export async function openTable(
  source: TableSource,
  workDir: string,
  threads: number,
): Promise<TrainingData> {
  const path = typeof source === 'string' ? source : join(workDir, 'rows.jsonl');
  if (typeof source !== 'string') {
    await writeFile(path, source.map((row) => `${JSON.stringify(row)}\n`).join(''));
  } else {
    await stat(path).catch(() => {
      throw new VandaError('bad-data', `There is no file ${path}.`);
    });
  }
  const database = await openDuckDb({ threads });
  try {
    await database.run(`CREATE VIEW source AS SELECT * FROM ${reader(path)}`);
    const columns = await describe(database);
    const file = join(workDir, 'table.parquet');
    const selected = columns.map(({ name, type }) =>
      type === 'text'
        ? `CAST(${quoteName(name)} AS VARCHAR) AS ${quoteName(name)}`
        : quoteName(name),
    );
    await database.run(
      `COPY (SELECT ${selected.join(', ')} FROM source) TO ${quoteText(file)} (FORMAT parquet)`,
    );
    const profile = await profileOf(database, columns, file);
    return { profile, files: [file] };
  } catch (error) {
    if (error instanceof VandaError) throw error;
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw new VandaError('bad-data', `${path} cannot be read as a table: ${reason}`, undefined, {
      cause: error,
    });
  } finally {
    database.close();
  }
}

function reader(path: string): string {
  const file = quoteText(path);
  switch (extname(path.replace(/\.gz$/i, '')).toLowerCase()) {
    case '.parquet':
      return `read_parquet(${file})`;
    case '.json':
    case '.jsonl':
    case '.ndjson':
      return `read_json(${file}, sample_size = -1, map_inference_threshold = -1)`;
    default:
      return `read_csv(${file}, sample_size = -1)`;
  }
}

async function describe(database: DuckDb): Promise<{ name: string; type: ColumnType }[]> {
  const rows = await database.rows('DESCRIBE source');
  return rows.map((row) => ({
    name: String(row.column_name),
    type: columnType(String(row.column_type)),
  }));
}

function columnType(sqlType: string): ColumnType {
  if (sqlType === 'BOOLEAN') return 'boolean';
  if (/^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/.test(sqlType)) return 'integer';
  if (/^(FLOAT|DOUBLE|DECIMAL)/.test(sqlType)) return 'number';
  if (sqlType === 'DATE') return 'date';
  return sqlType.startsWith('TIMESTAMP') ? 'timestamp' : 'text';
}

async function profileOf(
  database: DuckDb,
  columns: { name: string; type: ColumnType }[],
  file: string,
): Promise<TableProfile> {
  const counts = columns.map(({ name }, index) => `count(${quoteName(name)}) AS c${index}`);
  const [found] = await database.rows(
    `SELECT count(*) AS items, ${counts.join(', ')} FROM read_parquet(${quoteText(file)})`,
  );
  const items = Number(found?.items ?? 0);
  const split = columns.find(({ name, type }) => type === 'text' && name.toLowerCase() === 'split');
  const splits = { train: 0, validation: 0, test: 0 };
  let predefines = split !== undefined;
  if (split !== undefined) {
    const rows = await database.rows(
      `SELECT lower(trim(${quoteName(split.name)})) AS split, count(*) AS items FROM source GROUP BY 1`,
    );
    for (const row of rows) {
      if (row.split === 'train' || row.split === 'validation' || row.split === 'test') {
        splits[row.split] = Number(row.items);
      } else if (row.split !== null) {
        predefines = false;
      }
    }
  }
  return {
    kind: 'table',
    items,
    splits: predefines ? splits : { train: 0, validation: 0, test: 0 },
    splitColumn: predefines ? (split?.name ?? null) : null,
    columns: columns.map(({ name, type }, index): ColumnProfile => {
      const count = Number(found?.[`c${index}`] ?? 0);
      return {
        name,
        type,
        count,
        nulls: items - count,
        distinct: 0,
        min: null,
        max: null,
        mean: null,
        quantiles: null,
        top: [],
      };
    }),
    files: [{ key: file, sha256: '', bytes: 0, items }],
    preview: { key: '', sha256: '', bytes: 0, items: 0 },
  };
}
