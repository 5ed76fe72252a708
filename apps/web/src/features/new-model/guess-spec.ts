import type { ColumnProfile, DatasetVersion, Task } from '@vanda/contracts';

/** Names that people give to what they want to predict. */
const usualTargets =
  /^(target|label|class|species|category|outcome|result|survived|diagnosis|churn(ed)?|y|price|score|rating|mpg|miles.?per.?gallon|imdb.?rating)$/i;

/** A column with at most so many distinct numbers may be a category written as numbers. */
const distinctMax = 12;

export function guessTarget(columns: ColumnProfile[]): string | undefined {
  const useful = columns.filter((column) => column.distinct > 1 && column.name !== 'split');
  const named = useful.find((column) => usualTargets.test(column.name.replaceAll('_', ' ').trim()));
  return (named ?? useful.at(-1) ?? columns[0])?.name;
}

export function guessTask(version: DatasetVersion, target: string | undefined): Task {
  if (version.kind === 'images') return 'image-classification';
  const column =
    version.profile.kind === 'table'
      ? version.profile.columns.find((one) => one.name === target)
      : undefined;
  const number = column?.type === 'number' || column?.type === 'integer';
  const category = column?.type === 'integer' && column.distinct <= distinctMax;
  return number && !category ? 'tabular-regression' : 'tabular-classification';
}

/**
 * The shortest spec that trains a model on a dataset and puts it at a URL.
 *
 * @param base NAME@VERSION of a model to build on, where somebody came from one
 */
export function guessSpec(version: DatasetVersion, base?: string): Record<string, unknown> {
  const target =
    version.profile.kind === 'table' ? guessTarget(version.profile.columns) : undefined;
  return {
    name: version.dataset,
    task: guessTask(version, target),
    dataset: `${version.dataset}@${version.version}`,
    ...(target === undefined ? {} : { target }),
    ...(base === undefined || version.kind !== 'images'
      ? {}
      : { model: { kind: 'retrain', base } }),
    deploy: { endpoint: version.dataset },
  };
}
