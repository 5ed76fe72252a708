import type { SplitMetrics } from '@vanda/contracts';
import { macroRocAuc } from './roc-auc.ts';

/** Scores are float32: a probability of zero is taken as float32's epsilon, as scikit-learn does for that type. */
const leastProbability = 2 ** -23;

/** A confusion matrix of more labels is past what a page can show or a record should hold. */
const confusionLabelsMax = 200;

/**
 * The figures of a split, as scikit-learn computes them: precision, recall and f1 are macro averages over the
 * classes that occur as truth or prediction; rocAuc is that of the second class for two classes, else the macro
 * average of one against the rest. A figure that is not defined is left out.
 *
 * @param scores [items, labels] probabilities, row by row.
 */
export function classificationMetricsOf(
  truth: Int32Array,
  scores: Float32Array,
  labels: readonly string[],
): SplitMetrics {
  const count = truth.length;
  const classes = labels.length;
  if (count === 0) return { count: 0 };
  const predicted = new Int32Array(count);
  let right = 0;
  let negativeLog = 0;
  for (let item = 0; item < count; item++) {
    const label = truth[item] ?? 0;
    predicted[item] = argmax(scores, item * classes, classes);
    if (predicted[item] === label) right++;
    const probability = scores[item * classes + label] ?? 0;
    negativeLog -= Math.log(
      Math.min(1 - leastProbability, Math.max(leastProbability, probability)),
    );
  }
  const rocAuc = macroRocAuc(truth, scores, classes);
  return {
    accuracy: right / count,
    ...macroAverages(truth, predicted, classes),
    ...(rocAuc === null ? {} : { rocAuc }),
    logLoss: negativeLog / count,
    ...(classes <= confusionLabelsMax
      ? { confusionMatrix: { labels: [...labels], counts: confusion(truth, predicted, classes) } }
      : {}),
    count,
  };
}

function confusion(truth: Int32Array, predicted: Int32Array, classes: number): number[][] {
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let item = 0; item < truth.length; item++) {
    const row = counts[truth[item] ?? 0];
    const column = predicted[item] ?? 0;
    if (row) row[column] = (row[column] ?? 0) + 1;
  }
  return counts;
}

/** The first of the largest, as in NumPy. */
export function argmax(scores: Float32Array, from: number, length: number): number {
  let best = 0;
  for (let index = 1; index < length; index++) {
    if ((scores[from + index] ?? 0) > (scores[from + best] ?? 0)) best = index;
  }
  return best;
}

function macroAverages(
  truth: Int32Array,
  predicted: Int32Array,
  classes: number,
): Required<Pick<SplitMetrics, 'precision' | 'recall' | 'f1'>> {
  const hits = new Float64Array(classes);
  const actual = new Float64Array(classes);
  const guessed = new Float64Array(classes);
  const bump = (counts: Float64Array, label: number) => {
    counts[label] = (counts[label] ?? 0) + 1;
  };
  for (let item = 0; item < truth.length; item++) {
    const [label, guess] = [truth[item] ?? 0, predicted[item] ?? 0];
    bump(actual, label);
    bump(guessed, guess);
    if (label === guess) bump(hits, label);
  }
  let [precision, recall, f1, present] = [0, 0, 0, 0];
  for (let label = 0; label < classes; label++) {
    const [hit, real, guess] = [hits[label] ?? 0, actual[label] ?? 0, guessed[label] ?? 0];
    if (real + guess === 0) continue;
    present++;
    precision += guess === 0 ? 0 : hit / guess;
    recall += real === 0 ? 0 : hit / real;
    f1 += (2 * hit) / (real + guess);
  }
  return { precision: precision / present, recall: recall / present, f1: f1 / present };
}
