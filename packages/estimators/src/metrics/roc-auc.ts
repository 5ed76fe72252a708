/**
 * The area under the ROC curve: for two classes that of the second one, else the mean over the classes, each
 * against the rest. A class without both kinds of items has no curve; null where no class has one.
 */
export function macroRocAuc(
  truth: Int32Array,
  scores: Float32Array,
  classes: number,
): number | null {
  let sum = 0;
  let defined = 0;
  for (let label = classes === 2 ? 1 : 0; label < classes; label++) {
    const area = rocAucOf(truth, scores, classes, label);
    if (area === null) continue;
    sum += area;
    defined++;
  }
  return defined === 0 ? null : sum / defined;
}

/**
 * By ranks (Mann and Whitney), where equal scores share their mean rank. Only the bare scores are sorted, which is
 * many times faster than sorting items by their scores; ranks are then looked up.
 */
function rocAucOf(
  truth: Int32Array,
  scores: Float32Array,
  classes: number,
  label: number,
): number | null {
  const count = truth.length;
  let positives = 0;
  for (const one of truth) if (one === label) positives++;
  const negatives = count - positives;
  if (positives === 0 || negatives === 0) return null;
  const sorted = new Float32Array(count);
  for (let item = 0; item < count; item++) sorted[item] = scores[item * classes + label] ?? 0;
  sorted.sort();
  let rankSum = 0;
  for (let item = 0; item < count; item++) {
    if (truth[item] !== label) continue;
    const score = scores[item * classes + label] ?? 0;
    const below = firstWhere(sorted, (other) => other >= score);
    const upTo = firstWhere(sorted, (other) => other > score);
    rankSum += (below + 1 + upTo) / 2;
  }
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

/** The first index of a sorted list from which on the condition holds. */
function firstWhere(sorted: Float32Array, holds: (value: number) => boolean): number {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (holds(sorted[middle] ?? 0)) to = middle;
    else from = middle + 1;
  }
  return from;
}
