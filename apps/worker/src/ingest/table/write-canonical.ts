import type { Rejections } from '../rejections.ts';
import { typeNouns } from './column-types.ts';
import { type Duck, name, text } from './duck.ts';
import type { TypedColumn } from './infer-columns.ts';

const rowsListedMax = 100_000;
/** A row group is held in memory while it is written: the wider the table, the fewer its rows. */
const groupValuesMax = 8_000_000;
const groupRows = { min: 2048, max: 122_880 };

/**
 * Rows with their types as Parquet, in the order of the source: the position of a row in it is its
 * id for ever. Rows with a value that is not of its column's type stay out, with the reason.
 */
export async function writeCanonical(
  duck: Duck,
  relation: string,
  columns: readonly TypedColumn[],
  rowLabel: (rowId: number) => string,
  target: string,
  rejections: Rejections,
): Promise<number> {
  const suspects = columns.filter(({ badCount }) => badCount > 0);
  if (suspects.length > 0) await listBad(duck, relation, suspects, rowLabel, rejections);
  const select = columns.map((column) => `${column.value} AS ${name(column.name)}`).join(', ');
  const where = suspects.map(({ bad }) => `NOT ${bad}`).join(' AND ') || 'true';
  await duck.run(
    `COPY (SELECT ${select} FROM ${relation} WHERE ${where}) TO ${text(target)} ` +
      `(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${groupSize(columns.length)})`,
  );
  const [counted] = await duck.rows<{ n: number }>(
    `SELECT count(*) AS n FROM read_parquet(${text(target)})`,
  );
  return counted?.n ?? 0;
}

function groupSize(columns: number): number {
  const { min, max } = groupRows;
  const fitting = Math.floor(groupValuesMax / columns / min) * min;
  return Math.min(max, Math.max(min, fitting));
}

async function listBad(
  duck: Duck,
  relation: string,
  suspects: readonly TypedColumn[],
  rowLabel: (rowId: number) => string,
  rejections: Rejections,
): Promise<void> {
  const anyBad = suspects.map(({ bad }) => bad).join(' OR ');
  const which = suspects.map(({ bad }, index) => `WHEN ${bad} THEN ${index}`).join(' ');
  const value = suspects.map(({ bad, raw }) => `WHEN ${bad} THEN ${raw}`).join(' ');
  const numbered = `(SELECT *, row_number() OVER () - 1 AS vanda_row FROM ${relation})`;
  const rows = await duck.rows<{ row: number; which: number; value: string }>(
    `SELECT vanda_row AS row, CASE ${which} END AS which, CASE ${value} END AS value ` +
      `FROM ${numbered} WHERE ${anyBad} LIMIT ${rowsListedMax}`,
  );
  for (const { row, which: index, value: shown } of rows) {
    const column = suspects[index] as TypedColumn;
    const reason = `"${column.name}" is not ${typeNouns[column.type]}`;
    rejections.add(rowLabel(row), reason, shown);
  }
  if (rows.length < rowsListedMax) return;
  const [counted] = await duck.rows<{ n: number }>(
    `SELECT count(*) AS n FROM ${relation} WHERE ${anyBad}`,
  );
  const rest = (counted?.n ?? rows.length) - rows.length;
  if (rest > 0) rejections.addMany(rest, 'further rows', 'A value is not of its column’s type');
}
