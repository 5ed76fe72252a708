import type { JsonField } from './json-field.ts';

const RANK_MAX = 8;
const ELEMENTS_MAX = 2 ** 40;

/** The shape of a stored tensor: whole numbers of at least 0, whose product the file's true size will bound. */
export function shapeOf(field: JsonField): number[] {
  const dims = field.list().map((item) => item.whole(0));
  if (dims.length > RANK_MAX) field.fail(`has ${dims.length} axes, at most ${RANK_MAX} fit`);
  if (elementsOf(dims) > ELEMENTS_MAX)
    field.fail(`[${dims.join(', ')}] has more elements than any file that can be taken`);
  return dims;
}

/** How many elements a shape has; exact up to 2^53, and never less than it is beyond. */
export function elementsOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}
