import type { Node } from '@vanda/engine';
import { argmax, classificationMetricsOf } from '../metrics/classification.ts';
import type { Answers, Evaluated } from '../predictions/answers.ts';
import { type Evaluation, evaluateRows, meanOf, pick } from './evaluate-rows.ts';

/** Measures one split, `loss` (mean cross-entropy) among its figures; null for an empty one. */
export function classEvaluator(
  evaluation: Evaluation,
  nodes: { scores: Node; losses: Node },
  classes: Int32Array,
  labels: readonly string[],
): (() => Promise<Evaluated>) | null {
  const { rows } = evaluation;
  if (rows.length === 0) return null;
  const truth = pick(classes, rows);
  return async () => {
    const { scores, losses } = await evaluateRows(evaluation, nodes);
    return {
      metrics: { loss: meanOf(losses), ...classificationMetricsOf(truth, scores, labels) },
      answers: () => ({ rows, labels, truth, ...likeliest(scores, rows.length) }),
    };
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

/** @param all [items, labels] probabilities, row by row */
function likeliest(all: Float32Array, items: number): Pick<Answers, 'predicted' | 'scores'> {
  const classes = all.length / items;
  const predicted = new Int32Array(items);
  const scores = new Float32Array(items);
  for (let item = 0; item < items; item++) {
    const best = argmax(all, item * classes, classes);
    predicted[item] = best;
    scores[item] = all[item * classes + best] ?? 0;
  }
  return { predicted, scores };
}
