import type { ColumnProfile } from '@vanda/contracts';
import { type Duck, name } from './duck.ts';
import type { TypedColumn } from './infer-columns.ts';

const exactRowsMax = 200_000;
const distinctExactMax = 10_000;
const topMax = 10;
const binsMax = 20;
const shownCharsMax = 200;
const columnsAtOnce = 50;
/** Beyond so many columns nobody looks at the frequent values of each, which take a scan apiece. */
const columnsDetailedMax = 300;
const quantiles = '[0.05, 0.25, 0.5, 0.75, 0.95]';

type Counts = {
  count: number;
  nulls: number;
  distinct: number;
  min: number | string | null;
  max: number | string | null;
  mean: number | null;
  quantiles: number[] | null;
};

/** Statistics of each column, by scans of the canonical file in flat memory. */
export async function profileColumns(
  duck: Duck,
  relation: string,
  columns: readonly TypedColumn[],
  rows: number,
  onColumn: (done: number) => void,
): Promise<ColumnProfile[]> {
  const profiles: ColumnProfile[] = [];
  for (let at = 0; at < columns.length; at += columnsAtOnce) {
    const some = columns.slice(at, at + columnsAtOnce);
    const counts = await countsOf(duck, relation, some, rows);
    for (const [index, column] of some.entries()) {
      const known = counts[index] as Counts;
      const isDetailed = profiles.length < columnsDetailedMax;
      profiles.push({
        name: column.name,
        type: column.type,
        ...known,
        top: isDetailed ? await topOf(duck, relation, column, known) : [],
        histogram: isDetailed ? await histogramOf(duck, relation, column, known) : null,
      });
      onColumn(profiles.length);
    }
  }
  return profiles;
}

async function countsOf(
  duck: Duck,
  relation: string,
  columns: readonly TypedColumn[],
  rows: number,
): Promise<Counts[]> {
  const selects = columns.flatMap((column, c) => {
    const id = name(column.name);
    const numeric = isNumeric(column);
    const shown = numeric ? id : `left(${id}::VARCHAR, ${shownCharsMax})`;
    const quantile = rows <= exactRowsMax ? 'quantile_cont' : 'approx_quantile';
    return [
      `count(${id}) AS count${c}`,
      `approx_count_distinct(${id}) AS distinct${c}`,
      `min(${shown}) AS min${c}`,
      `max(${shown}) AS max${c}`,
      `${numeric ? `avg(${id}::DOUBLE)` : 'NULL'} AS mean${c}`,
      `${numeric ? `${quantile}(${id}::DOUBLE, ${quantiles})` : 'NULL'} AS quantiles${c}`,
    ];
  });
  const [row = {}] = await duck.rows<Record<string, never>>(
    `SELECT ${selects.join(', ')} FROM ${relation}`,
  );
  const approximate = columns.map((_, c) => Number(row[`distinct${c}`] ?? 0));
  const exact = await exactDistinct(duck, relation, columns, approximate);
  return columns.map((column, c) => {
    const count = Number(row[`count${c}`] ?? 0);
    const list = row[`quantiles${c}`] as unknown as number[] | { items: number[] } | null;
    return {
      count,
      nulls: rows - count,
      distinct: Math.min(exact[c] ?? approximate[c] ?? 0, count),
      min: bound(row[`min${c}`], column),
      max: bound(row[`max${c}`], column),
      mean: finite(row[`mean${c}`]),
      quantiles: list === null ? null : [...('items' in list ? list.items : list)],
    };
  });
}

/** The estimate may be off by some percent; where there are few values, they are counted. */
async function exactDistinct(
  duck: Duck,
  relation: string,
  columns: readonly TypedColumn[],
  approximate: readonly number[],
): Promise<(number | undefined)[]> {
  const few = columns
    .map((_, c) => c)
    .filter((c) => (approximate[c] ?? 0) <= distinctExactMax * 1.2);
  if (few.length === 0) return [];
  const selects = few.map((c) => `count(DISTINCT ${name(columns[c]?.name ?? '')}) AS d${c}`);
  const [row = {}] = await duck.rows<Record<string, number>>(
    `SELECT ${selects.join(', ')} FROM ${relation}`,
  );
  return columns.map((_, c) => row[`d${c}`]);
}

async function topOf(
  duck: Duck,
  relation: string,
  column: TypedColumn,
  counts: Counts,
): Promise<ColumnProfile['top']> {
  const id = name(column.name);
  if (counts.count === 0) return [];
  // Among a million different numbers or dates none is frequent.
  if (column.type !== 'text' && counts.distinct > distinctExactMax) return [];
  if (counts.distinct === counts.count && counts.count > distinctExactMax) return [];
  const rows = await duck.rows<{ value: string; count: number }>(
    `SELECT left(v::VARCHAR, ${shownCharsMax}) AS value, n AS count FROM ` +
      `(SELECT ${id} AS v, count(*) AS n FROM ${relation} WHERE ${id} IS NOT NULL GROUP BY ${id}) ` +
      `ORDER BY n DESC, value LIMIT ${topMax}`,
  );
  return rows;
}

async function histogramOf(
  duck: Duck,
  relation: string,
  column: TypedColumn,
  { min, max, distinct }: Counts,
): Promise<ColumnProfile['histogram']> {
  if (!isNumeric(column) || typeof min !== 'number' || typeof max !== 'number') return null;
  const width = (max - min) / binsMax;
  if (!(width > 0) || !Number.isFinite(width) || distinct < 3) return null;
  const id = `${name(column.name)}::DOUBLE`;
  const bin = `least(${binsMax - 1}, greatest(0, floor((${id} - (${min})) / ${width})::INTEGER))`;
  const rows = await duck.rows<{ bin: number; n: number }>(
    `SELECT ${bin} AS bin, count(*) AS n FROM ${relation} ` +
      `WHERE ${name(column.name)} IS NOT NULL GROUP BY 1`,
  );
  const counts = Array<number>(binsMax).fill(0);
  for (const row of rows) counts[row.bin] = row.n;
  const edges = Array.from({ length: binsMax + 1 }, (_, index) => min + index * width);
  return { edges, counts };
}

function isNumeric(column: TypedColumn): boolean {
  return column.type === 'number' || column.type === 'integer';
}

function bound(value: unknown, column: TypedColumn): number | string | null {
  if (value === null || value === undefined) return null;
  return isNumeric(column) ? finite(value) : String(value);
}

function finite(value: unknown): number | null {
  const number = value === null || value === undefined ? Number.NaN : Number(value);
  return Number.isFinite(number) ? number : null;
}
