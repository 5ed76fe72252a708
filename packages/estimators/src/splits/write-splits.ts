import { rename, rm, writeFile } from 'node:fs/promises';
import { openDuckDb, quoteText } from '../table/duckdb.ts';
import { splitNames } from './assign-splits.ts';

/**
 * Writes which item was in which split as Parquet: row (BIGINT) and split. Items that were left out, like rows
 * without a target, are not in it.
 */
export async function writeSplits(path: string, codes: Uint8Array): Promise<void> {
  const raw = `${path}.codes`;
  const partial = `${path}.partial`;
  await writeFile(raw, splitLines(codes));
  const database = await openDuckDb({ threads: 1 });
  try {
    await database.run(
      `COPY (SELECT "row", split FROM read_csv(${quoteText(raw)}, header = false, auto_detect = false,
        delim = ',', columns = {'row': 'BIGINT', 'split': 'VARCHAR'}, parallel = false))
       TO ${quoteText(partial)} (FORMAT parquet, COMPRESSION zstd)`,
    );
  } finally {
    database.close();
    await rm(raw, { force: true });
  }
  await rename(partial, path);
}

function* splitLines(codes: Uint8Array): Generator<string> {
  let lines: string[] = [];
  for (let row = 0; row < codes.length; row++) {
    const name = splitNames[(codes[row] ?? 0) - 1];
    if (name === undefined) continue;
    lines.push(`${row},${name}\n`);
    if (lines.length === 10_000) {
      yield lines.join('');
      lines = [];
    }
  }
  if (lines.length > 0) yield lines.join('');
}
