import type { Cell, ColumnProfile, TableProfile } from '@vanda/contracts';
import type { ItemDescriber } from '../predictions/answers.ts';
import { openDuckDb, quoteName, quoteText } from './duckdb.ts';
import { readParquet } from './scan.ts';

const columnsMax = 40;
/** Planning a query takes time that grows with the square of its columns. */
const columnsAtOnce = 256;
const cellCharsMax = 200;
/** Of the cells together. */
const charsMax = 4 * 1024 ** 2;

/** A row is the same one where all its values are, but for the split that it was put into. */
export function rowDescriber(
  profile: TableProfile,
  files: readonly string[],
  threads: number,
): ItemDescriber {
  const columns = profile.columns.filter(({ name }) => name !== profile.splitColumn);
  const numbered = (values: string) =>
    `(SELECT row_number() OVER () - 1 AS item, ${values} FROM ${readParquet(files)})`;
  return {
    async identities({ rows, parquet }, signal) {
      const identities = new Float64Array(rows.length);
      const database = await openDuckDb({ threads });
      try {
        for (let from = 0; from < columns.length; from += columnsAtOnce) {
          const part = columns.slice(from, from + columnsAtOnce);
          const values = `row(${part.map(sameInEveryTable).join(', ')}) AS held`;
          const chunks = await database.stream(
            `SELECT CAST(md5_number_upper(CAST(held AS VARCHAR)) >> 11 AS DOUBLE)
             FROM ${numbered(values)} JOIN read_parquet(${quoteText(parquet)}) ON "row" = item
             ORDER BY item`,
          );
          let at = 0;
          for await (const chunk of chunks) {
            signal.throwIfAborted();
            const vector = chunk.getColumnVector(0);
            for (let index = 0; index < chunk.rowCount; index++, at++) {
              const found = Number(vector.getItem(index));
              identities[at] = from === 0 ? found : mixed(identities[at] ?? 0, found);
            }
          }
        }
        return identities;
      } finally {
        database.close();
      }
    },
    async examples(rows) {
      const shown = columns.slice(0, columnsMax);
      const preview = { kind: 'table' as const, columns: shown.map(({ name }) => name) };
      if (rows.length === 0) return { ...preview, rows: [] };
      const database = await openDuckDb({ threads });
      try {
        const values = shown.map(({ name, type }, index) => {
          const plain = type === 'number' || type === 'integer' || type === 'boolean';
          const id = quoteName(name);
          return `${plain ? id : `left(CAST(${id} AS VARCHAR), ${cellCharsMax})`} AS c${index}`;
        });
        const found = await database.rows(
          `SELECT * FROM ${numbered(values.join(', '))} WHERE item IN (${rows.join(', ')})`,
        );
        const byItem = new Map(found.map((row) => [Number(row.item), row]));
        const wanted = rows.map((row) => shown.map((_, c) => cellOf(byItem.get(row)?.[`c${c}`])));
        return { ...preview, rows: withinBounds(wanted) };
      } finally {
        database.close();
      }
    },
  };
}

/** 3 is 3.0 where another row of the table made its column one of fractions. */
function sameInEveryTable({ name, type }: ColumnProfile): string {
  const column = quoteName(name);
  if (type === 'number' || type === 'integer') return `TRY_CAST(${column} AS DOUBLE)`;
  if (type === 'date' || type === 'timestamp') return `TRY_CAST(${column} AS TIMESTAMP)`;
  return `CAST(${column} AS VARCHAR)`;
}

/** Both hashes in one, modulo 2^53. */
function mixed(one: number, other: number): number {
  return Number(BigInt.asUintN(53, BigInt(one) * 0x9e3779b97f4a7c15n + BigInt(other)));
}

function withinBounds(rows: Cell[][]): Cell[][] {
  let chars = 0;
  const end = rows.findIndex((row) => {
    for (const value of row) chars += typeof value === 'string' ? value.length : 8;
    return chars > charsMax;
  });
  return end < 0 ? rows : rows.slice(0, end);
}

function cellOf(value: unknown): Cell {
  if (value === undefined || value === null) return null;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  return typeof value === 'boolean' ? value : String(value);
}
