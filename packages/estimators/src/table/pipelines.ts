import { type ColumnSource, Pipeline } from '@vanda/engine';
import type { EncodedTable } from './encode-table.ts';
import { encodedWidths, type TablePreprocessing } from './preprocessing.ts';

/** Batches of an encoded table straight from its files. */
export function tablePipeline(
  encoded: EncodedTable,
  preprocessing: TablePreprocessing,
  target: ColumnSource | null,
  options: { rows: Uint32Array; batchSize: number; shuffle?: boolean; seed?: number },
): Pipeline {
  const widths = encodedWidths(preprocessing);
  const columns: Record<string, ColumnSource> = {};
  const { rows, files } = encoded;
  if (widths.numeric > 0) {
    columns.numeric = { file: files.numeric, dtype: 'f32', shape: [widths.numeric], rows };
  }
  for (const part of ['oneHot', 'embedding'] as const) {
    if (widths[part].columns === 0) continue;
    columns[part] = { file: files[part], dtype: 'i32', shape: [widths[part].columns], rows };
  }
  if (target !== null) columns.target = target;
  return new Pipeline({ columns, ...options });
}
