import { join } from 'node:path';
import type { ColumnType } from '@vanda/contracts';
import { dateFormats, type Reading, readAs, timestampFormats } from './column-types.ts';
import { type Duck, text } from './duck.ts';

/** A column of the raw table. `strings` were quoted in the file (JSON): digits in them are text. */
export type RawColumn = { name: string; sql: string; strings: boolean };

export type TypedColumn = Reading & { name: string; raw: string; badCount: number };

const sampleRowsMax = 10_000;
/** Of a wide table fewer rows are looked at first: they are held in memory. */
const sampleValuesMax = 2_000_000;
/** So many of the values must fit for the others to be called bad, not the type. */
const fitMin = 0.99;
const fitMinInSample = 0.95;
/** In fewer values than this, one misfit already makes the column text. */
const valuesMinForBad = 100;
const columnsAtOnce = 100;

/**
 * Types by looking at a sample and then at every value: a type that fits 99 % is kept and the
 * misfits cost their rows; what fits less is text. Types that the user gave are kept whatever fits.
 */
export async function inferColumns(
  duck: Duck,
  columns: readonly RawColumn[],
  rows: number,
  overrides: Readonly<Record<string, ColumnType>>,
  folder: string,
): Promise<TypedColumn[]> {
  const wanted = Math.min(sampleRowsMax, Math.ceil(sampleValuesMax / columns.length));
  const step = Math.max(1, Math.floor(rows / wanted));
  const numbered = '(SELECT *, row_number() OVER () AS vanda_row FROM raw)';
  const file = text(join(folder, 'sample.parquet'));
  // A file and not a table, in which every column would take a block of memory.
  await duck.run(
    `COPY (SELECT * FROM ${numbered} WHERE vanda_row % ${step} = 0) TO ${file} (FORMAT parquet)`,
  );
  await duck.run(`CREATE VIEW sample AS FROM read_parquet(${file})`);
  const candidates: Reading[][] = [];
  for (let at = 0; at < columns.length; at += columnsAtOnce) {
    const some = columns.slice(at, at + columnsAtOnce);
    candidates.push(...(await candidatesOf(duck, some, overrides)));
  }
  // All columns together: each pass reads the whole file.
  return settle(duck, columns, candidates, overrides);
}

async function candidatesOf(
  duck: Duck,
  columns: readonly RawColumn[],
  overrides: Readonly<Record<string, ColumnType>>,
): Promise<Reading[][]> {
  const possible = columns.map((column) => readingsFor(column, overrides[column.name]));
  const selects = columns.flatMap((column, c) => [
    `count(nullif(trim(${column.sql}), '')) AS n${c}`,
    // Leading zeros mean a code, such as a postal one, and not a number.
    `count(*) FILTER (regexp_matches(trim(${column.sql}), '^[+-]?0[0-9]')) AS z${c}`,
    ...(possible[c] ?? []).map(({ ok = 'true' }, r) => `count(*) FILTER (${ok}) AS f${c}_${r}`),
  ]);
  const [row = {}] = await duck.rows<Record<string, number>>(
    `SELECT ${selects.join(', ')} FROM sample`,
  );
  return columns.map((column, c) => {
    const readings = possible[c] ?? [];
    const fit = (r: number) => row[`f${c}_${r}`] ?? 0;
    // Of a type that the user gave only the spelling is open: the one that fits most values.
    if (overrides[column.name] !== undefined) {
      const best = readings.map((_, r) => r).sort((a, b) => fit(b) - fit(a))[0] ?? 0;
      return [readings[best] ?? asText(column)];
    }
    const values = row[`n${c}`] ?? 0;
    const coded = (row[`z${c}`] ?? 0) > 0;
    return readings.filter((reading, r) => {
      if (reading.type === 'text') return true;
      if (coded && (reading.type === 'integer' || reading.type === 'number')) return false;
      return values > 0 && fit(r) >= values * fitMinInSample;
    });
  });
}

/** From narrow to wide; the first that fits is taken, and text always fits. */
function readingsFor(column: RawColumn, override: ColumnType | undefined): Reading[] {
  const dates = [undefined, ...dateFormats].map((format) => readAs(column.sql, 'date', format));
  const timestamps = [undefined, ...timestampFormats].map((format) =>
    readAs(column.sql, 'timestamp', format),
  );
  if (override === 'date') return dates;
  if (override === 'timestamp') return timestamps;
  if (override !== undefined) return [readAs(column.sql, override)];
  const numbers = [readAs(column.sql, 'integer'), readAs(column.sql, 'number')];
  // 0 and 1, yes and no are left what they are: only these two words are booleans by themselves.
  const words = `lower(trim(${column.sql})) IN ('true', 'false')`;
  const boolean = { ...readAs(column.sql, 'boolean'), ok: words };
  // A cast to DATE would cut the time off: a value with one is not a date.
  const pureDates = dates.map((reading) => ({
    ...reading,
    ok: `(NOT contains(${column.sql}, ':') AND ${reading.ok})`,
  }));
  const textual = [boolean, ...pureDates, ...timestamps, asText(column)];
  return column.strings ? textual : [...numbers, ...textual];
}

function asText(column: RawColumn): Reading {
  return readAs(column.sql, 'text');
}

/** Checks the candidates against every row, and widens those that fit too few. */
async function settle(
  duck: Duck,
  columns: readonly RawColumn[],
  candidates: readonly Reading[][],
  overrides: Readonly<Record<string, ColumnType>>,
): Promise<TypedColumn[]> {
  const settled: (TypedColumn | undefined)[] = columns.map(() => undefined);
  const left = candidates.map((list) => [...list]);
  for (;;) {
    const open = columns.map((_, c) => c).filter((c) => settled[c] === undefined);
    if (open.length === 0) return settled.filter((column) => column !== undefined);
    const readings = new Map(open.map((c) => [c, left[c]?.[0] ?? asText(columns[c] as RawColumn)]));
    const counts = await countMisfits(duck, columns, readings);
    for (const [c, reading] of readings) {
      const column = columns[c] as RawColumn;
      const { values, bad } = counts.get(c) ?? { values: 0, bad: 0 };
      // One fraction among integers makes numbers of them all.
      const wider = reading.type === 'integer' && left[c]?.[1]?.type === 'number';
      const tolerable = !wider && values >= valuesMinForBad && bad <= values * (1 - fitMin);
      if (overrides[column.name] !== undefined || bad === 0 || tolerable) {
        settled[c] = { ...reading, name: column.name, raw: column.sql, badCount: bad };
      } else {
        left[c]?.shift();
      }
    }
  }
}

/** The cheap question first, for all; the exact one only where something did not fit. */
async function countMisfits(
  duck: Duck,
  columns: readonly RawColumn[],
  readings: ReadonlyMap<number, Reading>,
): Promise<Map<number, { values: number; bad: number }>> {
  const counts = new Map<number, { values: number; bad: number }>();
  const sql = (c: number) => columns[c]?.sql ?? 'NULL';
  const typed = [...readings].filter(([, reading]) => reading.ok !== undefined);
  const quick = await oneRow(
    duck,
    typed.flatMap(([c, { ok }]) => [
      `count(nullif(${sql(c)}, '')) AS n${c}`,
      `count(CASE WHEN ${ok} THEN 1 END) AS f${c}`,
    ]),
  );
  const suspects = typed.filter(([c]) => quick[`n${c}`] !== quick[`f${c}`]);
  const exact = await oneRow(
    duck,
    suspects.map(([c, { bad }]) => `count(*) FILTER (${bad}) AS b${c}`),
  );
  for (const [c] of typed) counts.set(c, { values: quick[`n${c}`] ?? 0, bad: exact[`b${c}`] ?? 0 });
  return counts;
}

async function oneRow(duck: Duck, selects: readonly string[]): Promise<Record<string, number>> {
  if (selects.length === 0) return {};
  const [row = {}] = await duck.rows<Record<string, number>>(
    `SELECT ${selects.join(', ')} FROM raw`,
  );
  return row;
}
