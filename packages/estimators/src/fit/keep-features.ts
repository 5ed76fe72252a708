import { open, rm } from 'node:fs/promises';
import type { ColumnSource, Node } from '@vanda/engine';
import { type Evaluation, evaluateParts } from './evaluate-rows.ts';

export interface KeptFeatures {
  /** [rows, width] f32 in a file, which the engine maps: memory stays flat however many there are. */
  column: ColumnSource;
  close(): Promise<void>;
}

/**
 * What a frozen base says about each item, found once and kept in a file, so that an epoch of the head need not run the
 * base. The rows of `evaluation` are 0, 1, 2, ...: the file is in their order.
 *
 * @param features [N, width]
 */
export async function keepFeatures(
  evaluation: Evaluation,
  features: Node,
  file: string,
  onProgress: (fraction: number) => void,
): Promise<KeptFeatures> {
  const width = features.shape[1] as number;
  const rows = evaluation.rows.length;
  const output = await open(file, 'w');
  try {
    for await (const { from, items, values } of evaluateParts(evaluation, { features })) {
      const { buffer, byteOffset, byteLength } = values.features;
      const bytes = new Uint8Array(buffer, byteOffset, byteLength);
      await output.write(bytes, 0, byteLength, from * width * 4);
      onProgress((from + items) / rows);
    }
  } finally {
    await output.close();
  }
  return {
    column: { file, dtype: 'f32', shape: [width], rows },
    close: () => rm(file, { force: true }),
  };
}
