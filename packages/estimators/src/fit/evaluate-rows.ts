import type { Node, Pipeline, Session } from '@vanda/engine';

/** Batches between two looks at the signal, where nothing else is said. */
const usualBatchesAtOnce = 8;

export interface Evaluation {
  session: Session;
  /** The rows to measure, and batches of any part of them in order. */
  rows: Uint32Array;
  batchSize: number;
  batchesAtOnce?: number;
  pipelineOf: (rows: Uint32Array) => Pipeline;
  signal: AbortSignal;
}

/** Of some of the rows, from the one at `from` on: for each node its float32 values, row by row. */
export interface EvaluatedPart<Name extends string> {
  from: number;
  items: number;
  values: Record<Name, Float32Array>;
}

/**
 * One pass over some rows with the weights of now, in parts, so that neither an abort nor whoever waits for the
 * first values has to wait for the end of a large split.
 */
export async function* evaluateParts<Name extends string>(
  { session, rows, batchSize, batchesAtOnce, pipelineOf, signal }: Evaluation,
  nodes: Record<Name, Node>,
): AsyncGenerator<EvaluatedPart<Name>> {
  const names = Object.keys(nodes) as Name[];
  const partRows = batchSize * (batchesAtOnce ?? usualBatchesAtOnce);
  for (let from = 0; from < rows.length; from += partRows) {
    signal.throwIfAborted();
    const pipeline = pipelineOf(rows.subarray(from, from + partRows));
    try {
      const part = await session.evaluate(pipeline, nodes);
      const values = Object.fromEntries(
        names.map((name) => [name, part[name].data as Float32Array]),
      ) as Record<Name, Float32Array>;
      yield { from, items: pipeline.rowCount, values };
    } finally {
      pipeline.close();
    }
  }
}

/** The same with all values in memory, joined. */
export async function evaluateRows<Name extends string>(
  evaluation: Evaluation,
  nodes: Record<Name, Node>,
): Promise<Record<Name, Float32Array>> {
  const joined = {} as Record<Name, Float32Array>;
  for await (const { from, items, values } of evaluateParts(evaluation, nodes)) {
    for (const name of Object.keys(values) as Name[]) {
      const width = values[name].length / items;
      joined[name] ??= new Float32Array(evaluation.rows.length * width);
      joined[name].set(values[name], from * width);
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
