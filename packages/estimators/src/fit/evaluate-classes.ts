import type { SplitMetrics } from '@vanda/contracts';
import type { Node } from '@vanda/engine';
import { classificationMetricsOf } from '../metrics/classification.ts';
import { type Evaluation, evaluateRows, meanOf, pick } from './evaluate-rows.ts';

/** The figures of one split, `loss` (mean cross-entropy) among them; null for an empty one. */
export function classEvaluator(
  evaluation: Evaluation,
  nodes: { scores: Node; losses: Node },
  classes: Int32Array,
  labels: readonly string[],
): (() => Promise<SplitMetrics>) | null {
  if (evaluation.rows.length === 0) return null;
  const truth = pick(classes, evaluation.rows);
  return async () => {
    const { scores, losses } = await evaluateRows(evaluation, nodes);
    return { loss: meanOf(losses), ...classificationMetricsOf(truth, scores, labels) };
  };
}

/** The accuracy of always answering the rows' most frequent class; null for no rows. */
export function shareOfMostFrequent(classes: Int32Array, rows: Uint32Array): number | null {
  if (rows.length === 0) return null;
  const counts = new Map<number, number>();
  let most = 0;
  for (const row of rows) {
    const count = (counts.get(classes[row] ?? 0) ?? 0) + 1;
    counts.set(classes[row] ?? 0, count);
    most = Math.max(most, count);
  }
  return most / rows.length;
}
