import { type CompletedSpec, type TableProfile, VandaError } from '@vanda/contracts';
import { labelWarnings } from '../fit/label-warnings.ts';
import { assignSplits, type SplitAssignment, splitCode } from '../splits/assign-splits.ts';
import { type DuckDb, openDuckDb } from './duckdb.ts';
import { type EncodedTable, encodeTable } from './encode-table.ts';
import { learnPreprocessing } from './learn-preprocessing.ts';
import type { TablePreprocessing } from './preprocessing.ts';
import type { ClassTarget, NumberTarget, TargetAndSplits } from './read-target.ts';
import { type SelectedColumns, selectColumns } from './select-columns.ts';

export interface PreparedTable<T extends ClassTarget | NumberTarget> {
  target: T;
  columns: SelectedColumns;
  splits: SplitAssignment;
  preprocessing: TablePreprocessing;
  encoded: EncodedTable;
  warnings: string[];
}

/** From Parquet files to encoded inputs, targets and splits: three passes over the columns, in flat memory. */
export async function prepareTable<T extends ClassTarget | NumberTarget>(options: {
  spec: CompletedSpec;
  profile: TableProfile;
  files: readonly string[];
  workDir: string;
  threads: number;
  signal: AbortSignal;
  readTarget: (options: {
    database: DuckDb;
    files: readonly string[];
    profile: TableProfile;
    column: SelectedColumns['target'];
    signal: AbortSignal;
  }) => Promise<TargetAndSplits<T>>;
}): Promise<PreparedTable<T>> {
  const { spec, profile, files, signal } = options;
  const columns = selectColumns(spec, profile);
  const database = await openDuckDb({ threads: options.threads });
  try {
    const { target, predefined, warnings } = await options.readTarget({
      database,
      files,
      profile,
      column: columns.target,
      signal,
    });
    const splits = assignSplits(
      predefined,
      spec.split,
      target.kind === 'classes' ? target.values : undefined,
    );
    if (target.kind === 'classes')
      warnings.push(...labelWarnings(target.labels, target.values, splits));
    if (splits.rows.train.length < 2) {
      throw new VandaError(
        'bad-data',
        `There ${splits.rows.train.length === 1 ? 'is one row' : 'are no rows'} to train on: a model needs at least two.`,
      );
    }
    const learned = await learnPreprocessing(
      database,
      files,
      columns.features,
      (row) => splits.codes[row] === splitCode.train,
      signal,
    );
    warnings.push(...learned.warnings);
    if (learned.preprocessing.features.length === 0) {
      throw new VandaError(
        'bad-data',
        `No column is left to learn from. ${learned.warnings.slice(0, 5).join(' ')}`,
      );
    }
    const encoded = await encodeTable(
      database,
      files,
      columns.features,
      learned.preprocessing,
      options.workDir,
      signal,
    );
    return {
      target,
      columns,
      splits,
      preprocessing: learned.preprocessing,
      encoded,
      warnings,
    };
  } finally {
    database.close();
  }
}
