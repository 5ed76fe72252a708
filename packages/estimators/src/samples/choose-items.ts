import type { SplitName } from '../splits/assign-splits.ts';
import { type DuckDb, quoteText } from '../table/duckdb.ts';

/** A file of a data set on the local disk. */
export interface SampledFile {
  path: string;
  /** The number of its first item, over all files of the data set. */
  from: number;
  items: number;
}

export interface ChosenItems {
  /** Numbers over all files, ascending. */
  rows: number[];
  /** The split that they are of; null where nobody knows. */
  split: SplitName | null;
}

/** What a model did not learn from comes first. */
const preferred: readonly SplitName[] = ['validation', 'test', 'train'];

/**
 * Items of the validation split (of the test split where there is none, and so on) that lie in these files, evenly
 * spread over all of them: data are often sorted.
 *
 * @param splits The Parquet file of writeSplits; null where it is gone, and then any items are taken.
 */
export async function chooseItems(
  database: DuckDb,
  files: readonly SampledFile[],
  splits: string | null,
  itemsMax: number,
): Promise<ChosenItems> {
  if (splits === null) {
    const all = files.flatMap(({ from, items }) =>
      Array.from({ length: items }, (_, i) => from + i),
    );
    return { rows: spread(all, itemsMax), split: null };
  }
  const inFiles = files
    .map(({ from, items }) => `"row" BETWEEN ${from} AND ${from + items - 1}`)
    .join(' OR ');
  for (const split of preferred) {
    const rows = await database.rows(`
      SELECT "row" FROM (
        SELECT "row", row_number() OVER (ORDER BY "row") - 1 AS place, count(*) OVER () AS of_all
        FROM read_parquet(${quoteText(splits)}) WHERE split = ${quoteText(split)} AND (${inFiles})
      )
      WHERE of_all <= ${itemsMax}
        OR (place + 1) * ${itemsMax} // of_all > place * ${itemsMax} // of_all
      ORDER BY "row"`);
    if (rows.length > 0) return { rows: rows.map(({ row }) => Number(row)), split };
  }
  return { rows: [], split: null };
}

function spread(rows: number[], itemsMax: number): number[] {
  const count = Math.min(rows.length, itemsMax);
  return Array.from({ length: count }, (_, i) => rows[Math.floor((i * rows.length) / count)] ?? 0);
}
