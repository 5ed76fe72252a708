import type { SplitAssignment } from '../splits/assign-splits.ts';
import { display } from '../table/learn-preprocessing.ts';

/** Warnings in full before the rest is counted. */
const namedMax = 20;

/** Labels with too few examples to be split or learned. */
export function labelWarnings(
  labels: readonly string[],
  classes: Int32Array,
  splits: SplitAssignment,
): string[] {
  const warnings = splits.loneClasses.map(
    (label) =>
      `The label ${display(labels[label] ?? '')} has one example only; it is used for training.`,
  );
  const trained = new Set<number>();
  for (const row of splits.rows.train) trained.add(classes[row] ?? -1);
  for (const [label, name] of labels.entries()) {
    if (trained.has(label)) continue;
    warnings.push(`The label ${display(name)} has no example for training and cannot be learned.`);
  }
  if (warnings.length <= namedMax) return warnings;
  const more = warnings.length - namedMax;
  return [...warnings.slice(0, namedMax), `There are ${more} more labels with too few examples.`];
}
