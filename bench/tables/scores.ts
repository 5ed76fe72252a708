import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TableOptions, tabularClassifier, tabularRegressor } from '@vanda/estimators';
import { type BenchTable, seeds } from './tables.ts';

/** Ours on the test rows with `model: {kind: mlp}` and no other setting, the mean over the split seeds. */
export async function meanScore(table: BenchTable): Promise<number> {
  let sum = 0;
  for (const seed of seeds) {
    const options: TableOptions = { target: table.target, model: { kind: 'mlp' }, split: { seed } };
    const model =
      table.task === 'tabular-classification'
        ? await tabularClassifier(options).fit(table.file)
        : await tabularRegressor(options).fit(table.file);
    sum += model.metrics.test?.[table.metric] ?? Number.NaN;
    model.close();
  }
  return sum / seeds.length;
}

/** scikit-learn's on the same rows, its best variant: what sklearn_baseline.py wrote. */
export function sklearnMean(table: BenchTable): number {
  const text = readFileSync(join(import.meta.dirname, 'sklearn-figures.json'), 'utf8');
  const figures = JSON.parse(text) as { tables: Record<string, { mean: number }> };
  return figures.tables[table.name]?.mean ?? Number.NaN;
}
