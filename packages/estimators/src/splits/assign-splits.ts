import { drawnItems } from '@vanda/contracts';
import { SeededRandom } from '../random.ts';

/** The split of an item, as one byte: it says nothing (yet), or is left out of everything. */
export const splitCode = { undecided: 0, train: 1, validation: 2, test: 3, leftOut: 4 } as const;
export const splitNames = ['train', 'validation', 'test'] as const;
export type SplitName = (typeof splitNames)[number];

export interface SplitAssignment {
  /** One splitCode an item: train, validation, test or leftOut. */
  codes: Uint8Array;
  /** Items of each split in ascending order. */
  rows: Record<SplitName, Uint32Array>;
  /** Classes with one single item that the split could have moved; it trains. */
  loneClasses: number[];
}

/**
 * Honours the splits that the data predefines, and draws what it does not: where no item is predefined as test
 * (validation), that fraction of the items that would otherwise train is drawn by the seed. Classes, where given,
 * keep their shares in each split, and each class keeps at least one item for training.
 *
 * @param predefined One splitCode an item. Changed in place: it becomes the assignment.
 * @param classes The class of each item; leave out for regression.
 */
export function assignSplits(
  predefined: Uint8Array,
  fractions: { validation: number; test: number; seed: number },
  classes?: Int32Array,
): SplitAssignment {
  const codes = predefined;
  const has = { validation: false, test: false };
  for (const code of codes) {
    if (code === splitCode.validation) has.validation = true;
    else if (code === splitCode.test) has.test = true;
  }
  const pool = indicesWhere(codes, (code) => code <= splitCode.train);
  const random = new SeededRandom(fractions.seed);
  random.shuffle(pool);
  const groups = groupByClass(pool, classes);
  const loneClasses: number[] = [];
  if (classes !== undefined) {
    for (const [label, members] of groups) if (members.length === 1) loneClasses.push(label);
  }
  const taken = new Map<number, number>();
  const draw = (wanted: number, code: number): void => {
    for (const [label, count] of quotas(groups, taken, wanted, pool.length)) {
      const members = groups.get(label) ?? new Uint32Array(0);
      const from = taken.get(label) ?? 0;
      for (let index = from; index < from + count; index++) codes[members[index] ?? 0] = code;
      taken.set(label, from + count);
    }
  };
  const wanted = drawnItems(pool.length, fractions, has);
  draw(wanted.test, splitCode.test);
  draw(wanted.validation, splitCode.validation);
  for (let index = 0; index < codes.length; index++) {
    if (codes[index] === splitCode.undecided) codes[index] = splitCode.train;
  }
  return {
    codes,
    rows: {
      train: indicesWhere(codes, (code) => code === splitCode.train),
      validation: indicesWhere(codes, (code) => code === splitCode.validation),
      test: indicesWhere(codes, (code) => code === splitCode.test),
    },
    loneClasses,
  };
}

function indicesWhere(codes: Uint8Array, wanted: (code: number) => boolean): Uint32Array {
  let count = 0;
  for (const code of codes) if (wanted(code)) count++;
  const found = new Uint32Array(count);
  let at = 0;
  for (let index = 0; index < codes.length; index++) {
    if (wanted(codes[index] ?? 0)) found[at++] = index;
  }
  return found;
}

/** Members keep the pool's (shuffled) order; without classes all are one group. */
function groupByClass(pool: Uint32Array, classes?: Int32Array): Map<number, Uint32Array> {
  if (classes === undefined) return new Map([[0, pool]]);
  const counts = new Map<number, number>();
  for (const item of pool) {
    const label = classes[item] ?? 0;
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  const groups = new Map<number, Uint32Array>();
  for (const [label, count] of [...counts].sort(([a], [b]) => a - b)) {
    groups.set(label, new Uint32Array(count));
  }
  const filled = new Map<number, number>();
  for (const item of pool) {
    const label = classes[item] ?? 0;
    const at = filled.get(label) ?? 0;
    (groups.get(label) ?? pool)[at] = item;
    filled.set(label, at + 1);
  }
  return groups;
}

/** Shares `wanted` among the groups by size, by largest remainder; one member of each group always stays. */
function quotas(
  groups: Map<number, Uint32Array>,
  taken: Map<number, number>,
  wanted: number,
  items: number,
): Map<number, number> {
  const shares = [...groups].map(([label, members]) => {
    const exact = (wanted * members.length) / items;
    const free = Math.max(0, members.length - (taken.get(label) ?? 0) - 1);
    const count = Math.min(Math.floor(exact), free);
    return { label, count, free, remainder: exact - count };
  });
  let left = wanted - shares.reduce((sum, share) => sum + share.count, 0);
  shares.sort((a, b) => b.remainder - a.remainder || a.label - b.label);
  while (left > 0) {
    const before = left;
    for (const share of shares) {
      if (left === 0) break;
      if (share.count < share.free) {
        share.count++;
        left--;
      }
    }
    if (left === before) break;
  }
  return new Map(shares.map((share) => [share.label, share.count]));
}
