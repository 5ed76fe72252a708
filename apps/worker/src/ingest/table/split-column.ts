import type { Rejections } from '../rejections.ts';
import { type Duck, name, text } from './duck.ts';
import type { TypedColumn } from './infer-columns.ts';

export type Split = 'train' | 'validation' | 'test';

const spellings: Record<string, Split> = {
  train: 'train',
  training: 'train',
  validation: 'validation',
  valid: 'validation',
  val: 'validation',
  dev: 'validation',
  test: 'test',
  testing: 'test',
};

export function splitCalled(word: string): Split | undefined {
  const key = word.trim().toLowerCase();
  return Object.hasOwn(spellings, key) ? spellings[key] : undefined;
}

/**
 * A text column named `split` that says train, validation or test predefines the splits; its
 * values are spelled one way. Empty ones leave the row to the job's own split.
 */
export async function findSplitColumn(
  duck: Duck,
  relation: string,
  columns: readonly TypedColumn[],
  rejections: Rejections,
): Promise<{ columns: TypedColumn[]; splitColumn: string | undefined }> {
  const index = columns.findIndex(
    (column) => column.name.toLowerCase() === 'split' && column.type === 'text',
  );
  const found = columns[index];
  if (found === undefined) return { columns: [...columns], splitColumn: undefined };
  const rows = await duck.rows<{ word: string }>(
    `SELECT DISTINCT lower(${found.value}) AS word FROM ${relation} ` +
      `WHERE ${found.value} IS NOT NULL LIMIT 20`,
  );
  const stray = rows.find(({ word }) => splitCalled(word) === undefined);
  if (rows.length === 0 || stray !== undefined) {
    const word = stray?.word ?? '';
    rejections.warn(
      `The column "${found.name}" says "${word.slice(0, 60)}": it is not taken as a split, ` +
        'which says train, validation or test.',
    );
    return { columns: [...columns], splitColumn: undefined };
  }
  const cases = Object.entries(spellings).map(
    ([from, to]) => `WHEN ${text(from)} THEN ${text(to)}`,
  );
  const value = `CASE lower(${found.value}) ${cases.join(' ')} END`;
  return { columns: columns.with(index, { ...found, value }), splitColumn: found.name };
}

export async function countSplits(
  duck: Duck,
  relation: string,
  splitColumn: string | undefined,
): Promise<Record<Split, number>> {
  const splits = { train: 0, validation: 0, test: 0 };
  if (splitColumn === undefined) return splits;
  const rows = await duck.rows<{ split: string; n: number }>(
    `SELECT ${name(splitColumn)} AS split, count(*) AS n FROM ${relation} GROUP BY 1`,
  );
  for (const { split, n } of rows) {
    const known = split === null ? undefined : splitCalled(split);
    if (known) splits[known] = n;
  }
  return splits;
}
