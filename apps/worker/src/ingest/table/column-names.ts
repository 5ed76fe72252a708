import { badData } from '../bad-data.ts';
import type { Rejections } from '../rejections.ts';

export const columnsMax = 2000;
const nameCharsMax = 4096;

/**
 * Names as they are shown and addressed: none empty, none twice. The database compares without
 * case, and so would a person.
 */
export function tidyNames(
  given: readonly string[] | undefined,
  width: number,
  label: string,
  rejections: Rejections,
): string[] {
  if (width > columnsMax) {
    throw badData(
      `${label} has ${width.toLocaleString('en')} columns; ` +
        `at most ${columnsMax.toLocaleString('en')} can be used. Leave out what is not needed.`,
    );
  }
  if (given === undefined) {
    rejections.warn(`${label} has no header row: its columns are called column1, column2, ...`);
  }
  const taken = new Set<string>();
  return Array.from({ length: width }, (_, index) => {
    const wanted = given?.[index]?.trim().replaceAll('\0', '') || `column${index + 1}`;
    if (given?.[index]?.trim() === '') {
      rejections.warn(`Column ${index + 1} of ${label} has no name: it is called ${wanted}.`);
    }
    const cut = [...wanted].slice(0, nameCharsMax).join('');
    let unique = cut;
    for (let n = 2; taken.has(unique.toLowerCase()); n++) unique = `${cut}_${n}`;
    if (unique !== cut) {
      rejections.warn(
        `Two columns of ${label} are called "${shown(cut)}": the later is "${shown(unique)}".`,
      );
    }
    taken.add(unique.toLowerCase());
    return unique;
  });
}

function shown(name: string): string {
  return name.length <= 60 ? name : `${name.slice(0, 60)}…`;
}
