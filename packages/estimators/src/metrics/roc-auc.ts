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

/** By ranks (Mann and Whitney), where equal scores share their mean rank. */
function rocAucOf(
  truth: Int32Array,
  scores: Float32Array,
  classes: number,
  label: number,
): number | null {
  const count = truth.length;
  const own = new Float32Array(count);
  for (let item = 0; item < count; item++) own[item] = scores[item * classes + label] ?? 0;
  const order = new Uint32Array(count).map((_, index) => index);
  order.sort((a, b) => (own[a] ?? 0) - (own[b] ?? 0));
  let positives = 0;
  let rankSum = 0;
  for (let from = 0; from < count; ) {
    let to = from;
    let hits = 0;
    const score = own[order[from] ?? 0];
    while (to < count && own[order[to] ?? 0] === score) {
      if (truth[order[to] ?? 0] === label) hits++;
      to++;
    }
    rankSum += hits * ((from + 1 + to) / 2);
    positives += hits;
    from = to;
  }
  const negatives = count - positives;
  if (positives === 0 || negatives === 0) return null;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}
