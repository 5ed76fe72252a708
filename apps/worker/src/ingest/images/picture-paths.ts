import { type Split, splitCalled } from '../table/split-column.ts';

export type Placed = { label: string; split: Split | undefined };

/**
 * From the paths of all pictures to a label for each: a leading folder that all share is left out
 * as long as every picture keeps one, then come a folder called train, validation or test where
 * all begin with one (a folder called `split` around them is passed over), then the label.
 */
export function placePictures(paths: readonly string[]): (Placed | undefined)[] {
  let folders = paths.map((path) => path.split('/').slice(0, -1));
  while (folders.length > 0 && sharedFolder(folders) !== undefined) {
    const shared = sharedFolder(folders) ?? '';
    const keepsLabel = folders.every((list) => list.length >= 2);
    const around = shared.toLowerCase() === 'split';
    if (!keepsLabel || (splitCalled(shared) !== undefined && !around)) break;
    folders = folders.map((list) => list.slice(1));
  }
  folders = folders.map((list) =>
    list[0]?.toLowerCase() === 'split' && splitCalled(list[1] ?? '') ? list.slice(1) : list,
  );
  const labelled = folders.filter((list) => list.length > 0);
  const hasSplits =
    labelled.length > 0 &&
    labelled.every((list) => list.length >= 2 && splitCalled(list[0] ?? '') !== undefined);
  return folders.map((list) => {
    const [first, second] = list;
    if (first === undefined) return undefined;
    if (!hasSplits) return { label: first, split: undefined };
    return second === undefined ? undefined : { label: second, split: splitCalled(first) };
  });
}

function sharedFolder(folders: readonly string[][]): string | undefined {
  const first = folders[0]?.[0];
  return folders.every((list) => list[0] === first) ? first : undefined;
}
