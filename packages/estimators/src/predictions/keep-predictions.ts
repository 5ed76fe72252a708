import { join } from 'node:path';
import type { Answers, ItemDescriber } from './answers.ts';
import { writePredictions } from './write-predictions.ts';
import { writeTestItems } from './write-test-items.ts';

/** What is kept of a version's answers on its test split. */
export interface KeptPredictions {
  /** A Parquet file for people: row, label or value, prediction, score. */
  parquet: string;
  /** The same for comparing versions, in the format of contracts' test items. */
  testItems: string;
  /** How many items the test split has. */
  items: number;
}

export async function keepPredictions(
  workDir: string,
  answers: Answers,
  describer: ItemDescriber,
  signal: AbortSignal,
): Promise<KeptPredictions> {
  const parquet = join(workDir, 'predictions.parquet');
  const testItems = join(workDir, 'test-items.bin');
  await writePredictions(parquet, answers);
  signal.throwIfAborted();
  const identities = await describer.identities({ rows: answers.rows, parquet }, signal);
  await writeTestItems(testItems, { ...answers, identities }, describer, signal);
  return { parquet, testItems, items: answers.rows.length };
}
