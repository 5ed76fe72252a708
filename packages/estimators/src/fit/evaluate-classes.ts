import type { SplitMetrics } from '@vanda/contracts';
import type { Node, Pipeline, Session, TensorData } from '@vanda/engine';
import { classificationMetricsOf } from '../metrics/classification.ts';

/** The figures of one split, `loss` (mean cross-entropy) among them. */
export async function evaluateClasses(
  session: Session,
  pipeline: Pipeline,
  nodes: { scores: Node; losses: Node },
  truth: Int32Array,
  labels: readonly string[],
): Promise<SplitMetrics> {
  const { scores, losses } = await session.evaluate(pipeline, nodes);
  return {
    loss: meanOf(losses.data),
    ...classificationMetricsOf(truth, scores.data as Float32Array, labels),
  };
}

export function meanOf(values: TensorData): number {
  let sum = 0;
  for (const value of values) sum += Number(value);
  return sum / values.length;
}

/** The truth of some rows, in their order. */
export function pick<T extends Int32Array | Float64Array | Float32Array>(
  values: T,
  rows: Uint32Array,
): T {
  const picked = new (values.constructor as new (length: number) => T)(rows.length);
  for (let index = 0; index < rows.length; index++) picked[index] = values[rows[index] ?? 0] ?? 0;
  return picked;
}
