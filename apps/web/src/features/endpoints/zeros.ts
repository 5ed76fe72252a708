import type { TensorField } from '@vanda/contracts';

const shownMax = 4096;

type Nested = number | boolean | string | Nested[];

/** An instance of zeros in the shapes that a model takes; where that would be too long to read, its shape in words. */
export function zeros(fields: readonly TensorField[]): Record<string, Nested> {
  return Object.fromEntries(fields.map((field) => [field.name, zerosOf(field)]));
}

function zerosOf({ shape, dtype }: TensorField): Nested {
  const elements = shape.reduce((product, length) => product * length, 1);
  if (elements > shownMax) return `lists of ${shape.join(' x ')} numbers`;
  const at = (dim: number): Nested => {
    const length = shape[dim];
    if (length === undefined) return dtype === 'bool' ? false : 0;
    return Array.from({ length }, () => at(dim + 1));
  };
  return at(0);
}
