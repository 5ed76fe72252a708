import { type ComparisonCounts, identityEnd } from '@vanda/contracts';
import type { ItemCursor } from './item-cursor.ts';

/** Of each kind of difference so many are listed, the largest ones. */
const listedMax = 5000;

/** One item on which the two differ. */
export interface Difference {
  show: 'first' | 'second' | 'neither';
  /** By how much, to put the largest first. */
  size: number;
  row: number;
  otherRow: number;
  /** The second version's truth, for both: labels may have been put right between two pushes. */
  truth: string | number;
  first: { said: string | number; score: number | null };
  second: { said: string | number; score: number | null };
}

export interface ComparedItems {
  shared: number;
  counts: ComparisonCounts;
  /** The largest differences first. */
  differences: Difference[];
  /** Whether the files hold samples of larger splits. */
  sampled: boolean;
}

/**
 * Walks both files side by side, as sorted lists are joined. Within one dataset version an item is its row; across
 * versions it is what it holds, and of items that hold the same the first meets the first, the second the second.
 */
export async function compareItems(
  first: ItemCursor,
  second: ItemCursor,
  matchedBy: 'row' | 'content',
): Promise<ComparedItems> {
  const limit = Math.min(first.head.identityLimit, second.head.identityLimit);
  const tally =
    first.head.labels !== null && second.head.labels !== null
      ? new ClassTally(first.head.labels, second.head.labels)
      : new NumberTally();
  let shared = 0;
  while (
    (first.ready || (await first.filled())) &&
    (second.ready || (await second.filled())) &&
    first.value('identity') < limit &&
    second.value('identity') < limit
  ) {
    const order =
      first.value('identity') - second.value('identity') ||
      (matchedBy === 'row' ? first.value('row') - second.value('row') : 0);
    if (order === 0) {
      shared += 1;
      tally.add(first, second);
    }
    if (order <= 0) first.next();
    if (order >= 0) second.next();
  }
  return {
    shared,
    counts: tally.counts,
    differences: tally.listed.largest(),
    sampled: limit < identityEnd,
  };
}

/** Keeps the largest differences of each kind, and never many more than that in memory. */
class Listed {
  readonly #kinds = new Map<Difference['show'], Difference[]>();

  add(difference: Difference): void {
    const kind = this.#kinds.get(difference.show) ?? [];
    this.#kinds.set(difference.show, kind);
    kind.push(difference);
    if (kind.length >= 2 * listedMax) kind.sort(bySize).splice(listedMax);
  }

  largest(): Difference[] {
    return [...this.#kinds.values()]
      .flatMap((kind) => kind.sort(bySize).slice(0, listedMax))
      .sort(bySize);
  }
}

function bySize(a: Difference, b: Difference): number {
  return b.size - a.size || a.row - b.row;
}

class ClassTally {
  readonly listed = new Listed();
  readonly counts = {
    kind: 'classes' as const,
    bothRight: 0,
    onlyFirst: 0,
    onlySecond: 0,
    bothWrong: 0,
    bothWrongDifferently: 0,
  };
  readonly #labels: readonly [readonly string[], readonly string[]];

  constructor(first: readonly string[], second: readonly string[]) {
    this.#labels = [first, second];
  }

  add(first: ItemCursor, second: ItemCursor): void {
    const [firstLabels, secondLabels] = this.#labels;
    const truth = secondLabels[second.value('truth')] ?? '';
    const one = answerOf(first, firstLabels);
    const other = answerOf(second, secondLabels);
    const [firstRight, secondRight] = [one.said === truth, other.said === truth];
    const { counts } = this;
    if (firstRight && secondRight) counts.bothRight += 1;
    else if (firstRight) counts.onlyFirst += 1;
    else if (secondRight) counts.onlySecond += 1;
    else counts.bothWrong += 1;
    if (one.said === other.said) return;
    if (!firstRight && !secondRight) counts.bothWrongDifferently += 1;
    this.listed.add({
      show: firstRight ? 'first' : secondRight ? 'second' : 'neither',
      // As the worst answers of each version are chosen, so that the first pages have pictures.
      size: Math.max(firstRight ? 0 : one.score, secondRight ? 0 : other.score),
      row: second.value('row'),
      otherRow: first.value('row'),
      truth,
      first: one,
      second: other,
    });
  }
}

function answerOf(cursor: ItemCursor, labels: readonly string[]): { said: string; score: number } {
  return { said: labels[cursor.value('predicted')] ?? '', score: cursor.value('score') };
}

class NumberTally {
  readonly listed = new Listed();
  readonly counts = { kind: 'numbers' as const, firstCloser: 0, secondCloser: 0, alike: 0 };

  add(first: ItemCursor, second: ItemCursor): void {
    const truth = second.value('truth');
    const [one, other] = [first.value('predicted'), second.value('predicted')];
    const gain = Math.abs(one - truth) - Math.abs(other - truth);
    if (!(Math.abs(gain) > 0)) {
      this.counts.alike += 1;
      return;
    }
    if (gain < 0) this.counts.firstCloser += 1;
    else this.counts.secondCloser += 1;
    this.listed.add({
      show: gain < 0 ? 'first' : 'second',
      size: Math.abs(gain),
      row: second.value('row'),
      otherRow: first.value('row'),
      truth,
      first: { said: one, score: null },
      second: { said: other, score: null },
    });
  }
}
