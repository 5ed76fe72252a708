// Writes the tables and their splits for sklearn_baseline.py: node bench/tables/export-rows.ts FOLDER
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { type TableOptions, tabularClassifier, tabularRegressor } from '@vanda/estimators';
import { type BenchTable, seeds, tables } from './tables.ts';

const folder = process.argv[2];
if (folder === undefined) throw new Error('Name the folder to write to.');
await mkdir(folder, { recursive: true });
const connection = await (await DuckDBInstance.create(':memory:')).connect();
const exported = [];
for (const table of tables) {
  const rows = join(folder, `${table.name}.parquet`);
  await connection.run(
    `COPY (SELECT * FROM read_json('${table.file}', sample_size = -1)) TO '${rows}' (FORMAT parquet)`,
  );
  const splits = [];
  for (const seed of seeds) splits.push(await splitsOf(table, seed));
  const { name, task, target, metric } = table;
  exported.push({ name, task, target, metric, splits });
}
await writeFile(join(folder, 'cases.json'), JSON.stringify(exported));

/** One epoch is enough to be told who is in which split. */
async function splitsOf(table: BenchTable, seed: number) {
  const options: TableOptions = {
    target: table.target,
    split: { seed },
    training: { epochs: 1 },
  };
  const model =
    table.task === 'tabular-classification'
      ? await tabularClassifier(options).fit(table.file)
      : await tabularRegressor(options).fit(table.file);
  const reader = await connection.runAndReadAll(
    `SELECT split, list("row" ORDER BY "row") AS items FROM read_parquet('${model.splits}') GROUP BY split`,
  );
  model.close();
  return Object.fromEntries(
    reader
      .getRowObjectsJson()
      .map(({ split, items }) => [String(split), (items as string[]).map(Number)]),
  );
}
