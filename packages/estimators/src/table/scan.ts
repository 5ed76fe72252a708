import type { ColumnType } from '@vanda/contracts';
import { type DuckDb, quoteName, quoteText } from './duckdb.ts';

export interface ScannedColumn {
  name: string;
  type: ColumnType;
}
/** Numbers, booleans (0 and 1) and dates (milliseconds since 1970, UTC) are float64 with NaN for missing. */
export type ScannedValues = Float64Array | (string | null)[];
export interface ScannedRows {
  /** The index of the first row over all files. */
  from: number;
  count: number;
  columns: ScannedValues[];
}

/** Reads some columns of Parquet files as plain arrays, about 2,000 rows at a time, in row order. */
export async function* scanTable(
  database: DuckDb,
  files: readonly string[],
  columns: readonly ScannedColumn[],
): AsyncGenerator<ScannedRows> {
  if (columns.length === 0) return;
  const expressions = columns.map((column, index) => `${readExpression(column)} AS c${index}`);
  const paths = files.map((file) => quoteText(escapeGlob(file))).join(', ');
  const chunks = await database.stream(
    `SELECT ${expressions.join(', ')} FROM read_parquet([${paths}])`,
  );
  let from = 0;
  for await (const chunk of chunks) {
    const count = chunk.rowCount;
    if (count === 0) continue;
    const scanned = columns.map((column, index): ScannedValues => {
      const vector = chunk.getColumnVector(index);
      if (column.type === 'text') {
        const texts = new Array<string | null>(count);
        for (let row = 0; row < count; row++) texts[row] = vector.getItem(row) as string | null;
        return texts;
      }
      const numbers = new Float64Array(count);
      for (let row = 0; row < count; row++) {
        numbers[row] = (vector.getItem(row) as number | null) ?? Number.NaN;
      }
      return numbers;
    });
    yield { from, count, columns: scanned };
    from += count;
  }
}

function readExpression({ name, type }: ScannedColumn): string {
  const column = quoteName(name);
  switch (type) {
    case 'number':
    case 'integer':
      return `TRY_CAST(${column} AS DOUBLE)`;
    case 'boolean':
      return `CAST(TRY_CAST(${column} AS BOOLEAN) AS DOUBLE)`;
    case 'date':
    case 'timestamp': {
      const moment = `TRY_CAST(${column} AS TIMESTAMP)`;
      // Past 8.64e15 ms lies what a JavaScript date cannot hold.
      return `CASE WHEN isfinite(${moment}) AND abs(epoch_ms(${moment})) <= 8640000000000000
        THEN CAST(epoch_ms(${moment}) AS DOUBLE) END`;
    }
    case 'text':
      return `CAST(${column} AS VARCHAR)`;
  }
}

/** read_parquet takes patterns; a path is meant as it is written. */
function escapeGlob(path: string): string {
  return path.replaceAll(/[*?[]/g, (sign) => `[${sign}]`);
}
