import { join } from 'node:path';

/** The tables of vega-datasets on which training is compared with scikit-learn. */
export const tables = [
  {
    name: 'penguins',
    task: 'tabular-classification',
    target: 'Species',
    metric: 'accuracy',
    file: dataset('penguins.json'),
  },
  {
    name: 'cars',
    task: 'tabular-regression',
    target: 'Miles_per_Gallon',
    metric: 'r2',
    file: dataset('cars.json'),
  },
  {
    name: 'movies',
    task: 'tabular-regression',
    target: 'IMDB Rating',
    metric: 'r2',
    file: dataset('movies.json'),
  },
] as const;
export type BenchTable = (typeof tables)[number];

/** Seeds of the split, over which figures are averaged. */
export const seeds = Array.from({ length: 10 }, (_, index) => index + 1);

/** The flights of half a year, 3,000,000 rows of Parquet. */
export const flights = { file: dataset('flights-3m.parquet'), target: 'delay' };

function dataset(file: string): string {
  return join(import.meta.dirname, '../../node_modules/vega-datasets/data', file);
}
