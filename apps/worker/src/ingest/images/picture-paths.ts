import { type Split, splitCalled } from '../table/split-column.ts';

export type Placed = {
  label: string;
  split: Split | undefined;
  /** The path without the folders around: the same however the pictures were packed. */
  name: string;
};

/**
 * From the paths of all pictures to a label for each: a leading folder that all share is left out
 * as long as every picture keeps one, then come a folder called train, validation or test where
 * all begin with one (a folder called `split` around them is passed over), then the label.
 */
export function placePictures(paths: readonly string[]): (Placed | undefined)[] {
  let lists = paths.map((path) => path.split('/'));
  for (;;) {
    const shared = sharedFolder(lists);
    const isSplit = shared !== undefined && splitCalled(shared) !== undefined;
    // The last two segments are the label and the picture.
    if (shared === undefined || isSplit || lists.some((list) => list.length < 3)) break;
    lists = lists.map((list) => list.slice(1));
  }
  lists = lists.map((list) =>
    list[0]?.toLowerCase() === 'split' && splitCalled(list[1] ?? '') ? list.slice(1) : list,
  );
  const labelled = lists.filter((list) => list.length > 1);
  const hasSplits =
    labelled.length > 0 &&
    labelled.every((list) => list.length >= 3 && splitCalled(list[0] ?? '') !== undefined);
  return lists.map((list) => {
    const [first = '', second = ''] = list;
    if (list.length < (hasSplits ? 3 : 2)) return undefined;
    const name = list.join('/');
    return hasSplits
      ? { label: second, split: splitCalled(first), name }
      : { label: first, split: undefined, name };
  });
}

function sharedFolder(lists: readonly string[][]): string | undefined {
  const first = lists[0]?.[0];
  return lists.every((list) => list.length > 1 && list[0] === first) ? first : undefined;
}
