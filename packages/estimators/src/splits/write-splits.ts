import { writeParquet } from '../table/write-parquet.ts';
import { splitNames } from './assign-splits.ts';

/**
 * Writes which item was in which split as Parquet: row (BIGINT) and split. Items that were left out, like rows
 * without a target, are not in it.
 */
export async function writeSplits(path: string, codes: Uint8Array): Promise<void> {
  const columns = { row: 'BIGINT', split: 'VARCHAR' };
  await writeParquet(path, splitLines(codes), columns, '"row", split');
}

function* splitLines(codes: Uint8Array): Generator<string> {
  for (let row = 0; row < codes.length; row++) {
    const name = splitNames[(codes[row] ?? 0) - 1];
    if (name !== undefined) yield `${row},${name}`;
  }
}
