import { quoteText } from '../table/duckdb.ts';
import { writeParquet } from '../table/write-parquet.ts';
import type { Answers } from './answers.ts';

/**
 * Writes one row an item as Parquet. Of a classification: row (BIGINT), label, predicted, score (FLOAT); of a
 * regression: row, value, predicted (both DOUBLE).
 */
export async function writePredictions(path: string, answers: Answers): Promise<void> {
  const { labels } = answers;
  if (labels === null) {
    const columns = { row: 'BIGINT', value: 'DOUBLE', predicted: 'DOUBLE' };
    return writeParquet(path, numberLines(answers), columns, '"row", value, predicted');
  }
  const columns = { row: 'BIGINT', label: 'INTEGER', predicted: 'INTEGER', score: 'FLOAT' };
  const named = (column: string) => `getvariable('labels')[${column} + 1] AS ${column}`;
  await writeParquet(
    path,
    classLines(answers),
    columns,
    `"row", ${named('label')}, ${named('predicted')}, score`,
    `SET VARIABLE labels = [${labels.map(quoteText).join(', ')}]`,
  );
}

function* classLines({ rows, truth, predicted, scores }: Answers): Generator<string> {
  for (const [at, row] of rows.entries()) {
    yield `${row},${truth[at]},${predicted[at]},${scores?.[at]}`;
  }
}

function* numberLines({ rows, truth, predicted }: Answers): Generator<string> {
  for (const [at, row] of rows.entries()) yield `${row},${truth[at]},${predicted[at]}`;
}
