import type { ColumnType } from '@vanda/contracts';
import { badData } from '../bad-data.ts';
import type { Rejections } from '../rejections.ts';
import { tidyNames } from './column-names.ts';
import { type Reading, readAs } from './column-types.ts';
import { type Duck, name, text } from './duck.ts';
import type { TypedColumn } from './infer-columns.ts';

/** Parquet knows its types: nothing is copied, the columns are read from the files themselves. */
export async function openParquet(
  duck: Duck,
  paths: readonly string[],
  label: string,
  rejections: Rejections,
  overrides: Readonly<Record<string, ColumnType>>,
): Promise<{ columns: TypedColumn[]; relation: string }> {
  const list = paths.map(text).join(', ');
  const relation = `read_parquet([${list}], union_by_name = true)`;
  const described = await duck
    .rows<{ column_name: string; column_type: string }>(`DESCRIBE SELECT * FROM ${relation}`)
    .catch((error: Error) => {
      const [first = ''] = error.message.split('\n');
      throw badData(`${label} is not a Parquet file that can be read: ${first.slice(0, 300)}`);
    });
  const given = described.map((row) => row.column_name);
  const names = tidyNames(given, given.length, label, rejections);
  const columns: TypedColumn[] = [];
  described.forEach((row, index) => {
    const column = names[index] ?? row.column_name;
    const reading = readingOf(name(row.column_name), row.column_type, overrides[column]);
    if (reading === undefined) {
      rejections.warn(`"${column}" was left out: ${row.column_type} is binary data.`);
    } else {
      columns.push({
        ...reading,
        name: column,
        raw: `${name(row.column_name)}::VARCHAR`,
        badCount: 0,
      });
    }
  });
  await countBad(duck, relation, columns);
  return { columns, relation };
}

function readingOf(
  column: string,
  duckType: string,
  override: ColumnType | undefined,
): Reading | undefined {
  if (override !== undefined) return readAs(`${column}::VARCHAR`, override);
  if (duckType === 'BLOB' || duckType === 'BIT') return undefined;
  const plain = (type: ColumnType, value: string): Reading => {
    return { type, value, ok: undefined, bad: undefined };
  };
  if (duckType === 'BOOLEAN') return plain('boolean', column);
  if (duckType === 'DATE') return plain('date', column);
  if (duckType.startsWith('TIMESTAMP')) return plain('timestamp', `${column}::TIMESTAMP`);
  if (/^(TINYINT|SMALLINT|INTEGER|BIGINT|UTINYINT|USMALLINT|UINTEGER)$/.test(duckType)) {
    return plain('integer', `${column}::BIGINT`);
  }
  if (/^(FLOAT|DOUBLE|DECIMAL.*|UBIGINT|HUGEINT|UHUGEINT)$/.test(duckType)) {
    const number = `${column}::DOUBLE`;
    const value = `nullif(${number}, 'NaN'::DOUBLE)`;
    const mayBeInfinite = duckType === 'FLOAT' || duckType === 'DOUBLE';
    const bad = mayBeInfinite ? `coalesce(isinf(${number}), false)` : undefined;
    return { ...plain('number', value), bad };
  }
  const nested = /[[(]/.test(duckType);
  return plain('text', nested ? `to_json(${column})::VARCHAR` : `${column}::VARCHAR`);
}

async function countBad(duck: Duck, relation: string, columns: TypedColumn[]): Promise<void> {
  const checks = columns.flatMap(({ bad }, index) =>
    bad === undefined ? [] : [`count(*) FILTER (${bad}) AS b${index}`],
  );
  if (checks.length === 0) return;
  const [row = {}] = await duck.rows<Record<string, number>>(
    `SELECT ${checks.join(', ')} FROM ${relation}`,
  );
  columns.forEach((column, index) => {
    column.badCount = row[`b${index}`] ?? 0;
  });
}
