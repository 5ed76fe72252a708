import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type TableOptions, tabularClassifier, tabularRegressor } from '@vanda/estimators';
import type { Cases } from '../result.ts';
import { type BenchTable, seeds, tables } from './tables.ts';

interface Figures {
  tables: Record<string, { mean: number }>;
}
const sklearn = JSON.parse(
  readFileSync(join(import.meta.dirname, 'sklearn-figures.json'), 'utf8'),
) as Figures;

/** Mean test scores over ten splits beside scikit-learn's on the same rows (its figures are committed). */
export const cases: Cases = async function* () {
  for (const table of tables) {
    const scores = [];
    for (const seed of seeds) scores.push(await scoreOf(table, seed));
    const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
    const name = `${table.name}-${table.metric}`;
    yield { case: name, system: 'vanda', value: mean, unit: 'score', better: 'higher' };
    const value = sklearn.tables[table.name]?.mean ?? Number.NaN;
    yield { case: name, system: 'scikit-learn', value, unit: 'score', better: 'higher' };
  }
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, [join(import.meta.dirname, 'flights.ts')]);
  const flights = JSON.parse(stdout) as { seconds: number; memory: number };
  yield {
    case: 'flights-3m-linear-epoch',
    system: 'vanda',
    value: flights.seconds * 1e6,
    unit: 'us',
    better: 'lower',
  };
  yield {
    case: 'flights-3m-linear-epoch-memory',
    system: 'vanda',
    value: flights.memory,
    unit: 'bytes',
    better: 'lower',
  };
};

async function scoreOf(table: BenchTable, seed: number): Promise<number> {
  const options: TableOptions = { target: table.target, model: { kind: 'mlp' }, split: { seed } };
  const model =
    table.task === 'tabular-classification'
      ? await tabularClassifier(options).fit(table.file)
      : await tabularRegressor(options).fit(table.file);
  const score = model.metrics.test?.[table.metric] ?? Number.NaN;
  model.close();
  return score;
}
