import { argmax } from './metrics/classification.ts';
import type { ClassPrediction } from './prediction.ts';

/** @param scores [instances, labels] probabilities, row by row. */
export function classPredictions(
  scores: Float32Array,
  labels: readonly string[],
): ClassPrediction[] {
  const classes = labels.length;
  return Array.from({ length: scores.length / classes }, (_, index) => {
    const from = index * classes;
    const best = argmax(scores, from, classes);
    return {
      label: labels[best] ?? '',
      score: scores[from + best] ?? 0,
      // fromEntries makes own properties of any label, "__proto__" included.
      scores: Object.fromEntries(labels.map((label, at) => [label, scores[from + at] ?? 0])),
    };
  });
}
