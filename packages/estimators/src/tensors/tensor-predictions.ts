import { type TensorField, VandaError } from '@vanda/contracts';
import type { Tensor } from '@vanda/engine';
import type { Nested, TensorPrediction } from '../prediction.ts';

/**
 * Splits what a network answered into one prediction an instance.
 *
 * @param results outputs by name, the instances beside each other: `count` times the elements of a field's shape
 */
export function tensorPredictions(
  results: Readonly<Record<string, Tensor>>,
  fields: readonly TensorField[],
  count: number,
): TensorPrediction[] {
  return Array.from({ length: count }, (_, index) => ({
    tensors: Object.fromEntries(fields.map((field) => [field.name, nested(results, field, index)])),
  }));
}

function nested(
  results: Readonly<Record<string, Tensor>>,
  { name, shape, dtype }: TensorField,
  index: number,
): Nested {
  const data = results[name]?.data;
  const elements = elementsOf(shape);
  if (data === undefined || data.length < (index + 1) * elements) {
    throw new VandaError('bad-data', `The model answers "${name}" in another shape than it says.`);
  }
  let at = index * elements;
  const read = (dim: number): Nested => {
    const length = shape[dim];
    if (length !== undefined) return Array.from({ length }, () => read(dim + 1));
    const value = Number(data[at++]);
    return dtype === 'bool' ? value !== 0 : value;
  };
  return read(0);
}

export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}
