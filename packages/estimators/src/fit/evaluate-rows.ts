import type { Node, Pipeline, Session } from '@vanda/engine';

/** Batches between two looks at the signal. */
const batchesAtOnce = 8;

export interface Evaluation {
  session: Session;
  /** The rows to measure, and batches of any part of them in order. */
  rows: Uint32Array;
  batchSize: number;
  pipelineOf: (rows: Uint32Array) => Pipeline;
  signal: AbortSignal;
}

/**
 * One pass over some rows with the weights of now: for each node its float32 values, row by row. It runs in parts,
 * so that an abort need not wait for the end of a large split.
 */
export async function evaluateRows<Name extends string>(
  { session, rows, batchSize, pipelineOf, signal }: Evaluation,
  nodes: Record<Name, Node>,
): Promise<Record<Name, Float32Array>> {
  const names = Object.keys(nodes) as Name[];
  const joined = {} as Record<Name, Float32Array>;
  const partRows = batchSize * batchesAtOnce;
  for (let from = 0; from < rows.length; from += partRows) {
    signal.throwIfAborted();
    const pipeline = pipelineOf(rows.subarray(from, from + partRows));
    try {
      const part = await session.evaluate(pipeline, nodes);
      for (const name of names) {
        const values = part[name].data as Float32Array;
        const width = values.length / pipeline.rowCount;
        joined[name] ??= new Float32Array(rows.length * width);
        joined[name].set(values, from * width);
      }
    } finally {
      pipeline.close();
    }
  }
  return joined;
}

export function meanOf(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/** The truth of some rows, in their order. */
export function pick<T extends Int32Array | Float64Array>(values: T, rows: Uint32Array): T {
  const picked = new (values.constructor as new (length: number) => T)(rows.length);
  for (let index = 0; index < rows.length; index++) picked[index] = values[rows[index] ?? 0] ?? 0;
  return picked;
}
