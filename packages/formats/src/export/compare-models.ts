import type { Feeds, Tensor } from '@vanda/engine';
import { FormatError } from '../format-error.ts';
import { sampleParts } from './sample-parts.ts';

/** A model that answers, whatever runs it. */
export interface RunningModel {
  /** Outputs of the signature `predict`, by name. */
  run(feeds: Feeds): Promise<Readonly<Record<string, Tensor>>>;
  close(): void | Promise<void>;
}

/** How one model answers beside another, on the same items. */
export interface Comparison {
  items: number;
  /** Of any number of any answer. */
  maxAbsoluteDifference: number;
  /** The share of items with the same first class; null where answers are numbers. */
  topOneAgreement: number | null;
  /** The share of items whose first class is the right one, of those whose right one is known; null where none is. */
  accuracy: number | null;
  sourceAccuracy: number | null;
}

/** What is between the layers of a network is held for so many items. */
const itemsAtOnce = 32;
/** Items beyond it are left out: some runtimes take a second for one. */
const timeMaxMs = 120_000;

/**
 * Asks both models about the items, a few at a time, until all are answered or two minutes are over.
 *
 * @param classes The right class of each item; below 0 where it is not known.
 */
export async function compareModels(
  source: RunningModel,
  exported: RunningModel,
  samples: Feeds,
  classes: Int32Array | null,
): Promise<Comparison> {
  const sums = { apart: 0, items: 0, ranked: 0, same: 0, known: 0, right: 0, sourceRight: 0 };
  const from = performance.now();
  for (const { feeds, items } of sampleParts(samples, itemsAtOnce)) {
    if (sums.items > 0 && performance.now() - from > timeMaxMs) break;
    const [expected, answered] = [await source.run(feeds), await exported.run(feeds)];
    for (const [name, value] of Object.entries(expected)) {
      const other = answered[name];
      if (other?.data.length !== value.data.length) {
        throw new FormatError('export', name, 'the exported model answers in another shape.');
      }
      sums.apart = Math.max(sums.apart, apart(value.data, other.data));
      const width = value.shape.at(-1) ?? 1;
      if (value.shape.length !== 2 || width < 2) continue;
      for (const [row, item] of items.entries()) {
        const best = first(value.data, row, width);
        const otherBest = first(other.data, row, width);
        const right = classes?.[item] ?? -1;
        sums.ranked++;
        if (best === otherBest) sums.same++;
        if (right < 0) continue;
        sums.known++;
        if (best === right) sums.sourceRight++;
        if (otherBest === right) sums.right++;
      }
    }
    sums.items += items.length;
  }
  const share = (part: number, whole: number) => (whole === 0 ? null : part / whole);
  return {
    items: sums.items,
    maxAbsoluteDifference: sums.apart,
    topOneAgreement: share(sums.same, sums.ranked),
    accuracy: share(sums.right, sums.known),
    sourceAccuracy: share(sums.sourceRight, sums.known),
  };
}

function apart(a: Tensor['data'], b: Tensor['data']): number {
  let most = 0;
  for (let i = 0; i < a.length; i++) {
    const distance = Math.abs(Number(a[i]) - Number(b[i]));
    // What is no number on one side only is as far apart as can be.
    if (!(distance <= most) && !Object.is(a[i], b[i])) {
      most = Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance;
    }
  }
  return most;
}

function first(data: Tensor['data'], row: number, classes: number): number {
  let best = 0;
  for (let i = 1; i < classes; i++) {
    if (Number(data[row * classes + i]) > Number(data[row * classes + best])) best = i;
  }
  return best;
}
