import { join } from 'node:path';
import type { ColumnType } from '@vanda/contracts';
import { dateFormats, isAbsent, type Reading, readAs, timestampFormats } from './column-types.ts';
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
const columnsAtOnce = 10;
/** Each pass over all rows reads the whole file. */
const columnsPerPass = 200;

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
  const candidates = await candidatesOf(duck, columns, overrides);
  return settle(duck, columns, candidates, overrides);
}

/** What each column may be by the sample, from narrow to wide; text always fits and comes last. */
async function candidatesOf(
  duck: Duck,
  columns: readonly RawColumn[],
  overrides: Readonly<Record<string, ColumnType>>,
): Promise<Reading[][]> {
  const isGiven = (column: RawColumn) => overrides[column.name] !== undefined;
  const numbers = await fitting(duck, columns, (column) =>
    isGiven(column) || column.strings ? [] : numberReadings(column),
  );
  // Dates have many spellings: they are only tried on what is no number.
  const words = await fitting(duck, columns, (column, c) => {
    const given = overrides[column.name];
    if (given !== undefined) return spellings(column, given);
    return (numbers[c]?.length ?? 0) > 0 ? [] : wordReadings(column);
  });
  return columns.map((column, c) => {
    const found = [...(numbers[c] ?? []), ...(words[c] ?? [])];
    const given = overrides[column.name];
    // A type that the user gave is kept whatever fits; only its spelling is looked for.
    if (given !== undefined) return [found[0] ?? readAs(column.sql, given)];
    return [...found, asText(column)];
  });
}

/** Of the readings of each column those that fit the sample, in their order. */
async function fitting(
  duck: Duck,
  columns: readonly RawColumn[],
  readingsOf: (column: RawColumn, index: number) => Reading[],
): Promise<Reading[][]> {
  const result: Reading[][] = columns.map(() => []);
  const asked = columns.map((column, c) => ({ column, c, readings: readingsOf(column, c) }));
  const open = asked.filter(({ readings }) => readings.length > 0);
  // The planner's time grows faster than the query: several small ones are quicker.
  for (let at = 0; at < open.length; at += columnsAtOnce) {
    const some = open.slice(at, at + columnsAtOnce);
    const selects = some.flatMap(({ column, c, readings }) => [
      // Words that say "missing" speak neither for a type nor against it, however many they are.
      `count(*) FILTER (NOT ${isAbsent(column.sql)}) AS n${c}`,
      `count(*) FILTER (${isCode(column)}) AS z${c}`,
      ...readings.map(({ ok = 'true' }, r) => `count(*) FILTER (${ok}) AS f${c}_${r}`),
    ]);
    const row = await oneRow(duck, 'sample', selects);
    for (const { c, readings } of some) {
      const values = row[`n${c}`] ?? 0;
      const fit = (reading: Reading) => row[`f${c}_${readings.indexOf(reading)}`] ?? 0;
      const isCoded = (row[`z${c}`] ?? 0) > 0;
      result[c] = readings.filter((reading) => {
        const isNumber = reading.type === 'integer' || reading.type === 'number';
        return values > 0 && fit(reading) >= values * fitMinInSample && !(isNumber && isCoded);
      });
    }
  }
  return result;
}

function numberReadings(column: RawColumn): Reading[] {
  return [readAs(column.sql, 'integer'), readAs(column.sql, 'number')];
}

/** Leading zeros mean a code, such as a postal one, and not a number. */
function isCode(column: RawColumn): string {
  return `regexp_matches(trim(${column.sql}), '^[+-]?0[0-9]')`;
}

function wordReadings(column: RawColumn): Reading[] {
  // 0 and 1, yes and no are left what they are: only these two words are booleans by themselves.
  const words = `lower(trim(${column.sql})) IN ('true', 'false')`;
  const boolean = { ...readAs(column.sql, 'boolean'), ok: words };
  // A cast to DATE would cut the time off: a value with one is not a date.
  const pureDates = spellings(column, 'date').map((reading) => ({
    ...reading,
    ok: `(NOT contains(${column.sql}, ':') AND ${reading.ok})`,
  }));
  return [boolean, ...pureDates, ...spellings(column, 'timestamp')];
}

/** The ways to read a type that the user gave. */
function spellings(column: RawColumn, type: ColumnType): Reading[] {
  const formats: readonly (string | undefined)[] =
    type === 'date'
      ? [undefined, ...dateFormats]
      : type === 'timestamp'
        ? [undefined, ...timestampFormats]
        : [undefined];
  return formats.map((format) => readAs(column.sql, type, format));
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
  for (let at = 0; at < typed.length; at += columnsPerPass) {
    const some = typed.slice(at, at + columnsPerPass);
    const quick = await oneRow(
      duck,
      'raw',
      some.flatMap(([c, { ok }]) => [
        `count(nullif(${sql(c)}, '')) AS n${c}`,
        `count(CASE WHEN ${ok} THEN 1 END) AS f${c}`,
      ]),
    );
    const suspects = some.filter(([c]) => quick[`n${c}`] !== quick[`f${c}`]);
    const exact = await oneRow(
      duck,
      'raw',
      suspects.map(([c, { bad }]) => `count(*) FILTER (${bad}) AS b${c}`),
    );
    for (const [c] of some) {
      counts.set(c, { values: quick[`n${c}`] ?? 0, bad: exact[`b${c}`] ?? 0 });
    }
  }
  return counts;
}

async function oneRow(
  duck: Duck,
  relation: 'raw' | 'sample',
  selects: readonly string[],
): Promise<Record<string, number>> {
  if (selects.length === 0) return {};
  const [row = {}] = await duck.rows<Record<string, number>>(
    `SELECT ${selects.join(', ')} FROM ${relation}`,
  );
  return row;
}
