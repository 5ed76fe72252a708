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

/** Planning a query takes time that grows with the square of its columns: more are read by several queries. */
const columnsAtOnce = 512;

/** Reads some columns of Parquet files as plain arrays, about 2,000 rows at a time, in row order. */
export async function* scanTable(
  database: DuckDb,
  files: readonly string[],
  columns: readonly ScannedColumn[],
): AsyncGenerator<ScannedRows> {
  const parts: AsyncGenerator<ScannedRows>[] = [];
  for (let from = 0; from < columns.length; from += columnsAtOnce) {
    parts.push(scanColumns(database, files, columns.slice(from, from + columnsAtOnce)));
  }
  if (parts.length === 1) yield* parts[0] ?? [];
  else if (parts.length > 1) yield* sideBySide(parts);
}

/** Joins scans of the same rows; their pieces need not be equally long. */
async function* sideBySide(parts: AsyncGenerator<ScannedRows>[]): AsyncGenerator<ScannedRows> {
  const pieces: (ScannedRows | null)[] = parts.map(() => null);
  try {
    for (let from = 0; ; ) {
      for (const [index, part] of parts.entries()) {
        if (pieces[index]) continue;
        const next = await part.next();
        if (next.done) return;
        pieces[index] = next.value;
      }
      const found = pieces.flatMap((piece) => (piece ? [piece] : []));
      const to = Math.min(...found.map((piece) => piece.from + piece.count));
      yield {
        from,
        count: to - from,
        columns: found.flatMap((piece) =>
          piece.columns.map((values) => values.slice(from - piece.from, to - piece.from)),
        ),
      };
      for (const [index, piece] of found.entries()) {
        if (piece.from + piece.count === to) pieces[index] = null;
      }
      from = to;
    }
  } finally {
    await Promise.all(parts.map((part) => part.return(undefined)));
  }
}

async function* scanColumns(
  database: DuckDb,
  files: readonly string[],
  columns: readonly ScannedColumn[],
): AsyncGenerator<ScannedRows> {
  const expressions = columns.map((column, index) => `${readExpression(column)} AS c${index}`);
  const chunks = await database.stream(
    `SELECT ${expressions.join(', ')} FROM ${readParquet(files)}`,
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
      // As ingest reads texts, and as parseRow reads those of a request.
      return `nullif(trim(CAST(${column} AS VARCHAR)), '')`;
  }
}

/** All rows of some files, in their order. */
export function readParquet(files: readonly string[]): string {
  return `read_parquet([${files.map((file) => quoteText(escapeGlob(file))).join(', ')}])`;
}

/** read_parquet takes patterns; a path is meant as it is written. */
function escapeGlob(path: string): string {
  return path.replaceAll(/[*?[]/g, (sign) => `[${sign}]`);
}
