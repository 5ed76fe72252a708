import type { DatasetPreview } from '@vanda/contracts';
import { type Duck, name } from './duck.ts';
import type { TypedColumn } from './infer-columns.ts';

const rowsMax = 100;
const columnsMax = 200;
const cellCharsMax = 500;

/** The first rows, cut to what a page can show. */
export async function previewTable(
  duck: Duck,
  relation: string,
  columns: readonly TypedColumn[],
): Promise<DatasetPreview> {
  const shown = columns.slice(0, columnsMax);
  const select = shown.map((column, c) => {
    const id = name(column.name);
    const plain = ['number', 'integer', 'boolean'].includes(column.type);
    return `${plain ? id : `left(${id}::VARCHAR, ${cellCharsMax})`} AS c${c}`;
  });
  const rows = await duck.rows<Record<string, string | number | boolean | null>>(
    `SELECT ${select.join(', ')} FROM ${relation} LIMIT ${rowsMax}`,
  );
  return {
    kind: 'table',
    columns: shown.map((column) => column.name),
    rows: rows.map((row) => shown.map((_, c) => row[`c${c}`] ?? null)),
  };
}
