import { rename, rm, writeFile } from 'node:fs/promises';
import { openDuckDb, quoteText } from './duckdb.ts';

const linesAtOnce = 10_000;

/**
 * Writes lines of plain numbers and words as Parquet, in a stream: however many there are, memory stays flat.
 *
 * @param lines without line ends; values are separated by commas and are never quoted
 * @param columns the names of the values in a line with their SQL types
 * @param select what the file's columns are made of
 * @param setup run first, for what `select` refers to
 */
export async function writeParquet(
  path: string,
  lines: Iterable<string>,
  columns: Record<string, string>,
  select: string,
  setup?: string,
): Promise<void> {
  const raw = `${path}.lines`;
  const partial = `${path}.partial`;
  await writeFile(raw, inPieces(lines));
  const types = Object.entries(columns).map(([name, type]) => `'${name}': '${type}'`);
  const database = await openDuckDb({ threads: 1 });
  try {
    if (setup !== undefined) await database.run(setup);
    await database.run(
      `COPY (SELECT ${select} FROM read_csv(${quoteText(raw)}, header = false, auto_detect = false,
        delim = ',', quote = '', escape = '', columns = {${types.join(', ')}}, parallel = false))
       TO ${quoteText(partial)} (FORMAT parquet, COMPRESSION zstd)`,
    );
  } finally {
    database.close();
    await rm(raw, { force: true });
  }
  await rename(partial, path);
}

function* inPieces(lines: Iterable<string>): Generator<string> {
  let held: string[] = [];
  for (const line of lines) {
    held.push(line, '\n');
    if (held.length < 2 * linesAtOnce) continue;
    yield held.join('');
    held = [];
  }
  if (held.length > 0) yield held.join('');
}
