import type { Tensor, TensorData, VariableInfo } from '@vanda/engine';
import { FormatError } from './format-error.ts';
import type { NamedTensors } from './imported-network.ts';

/** Where the value of a variable lies: a tensor, and how its axes are put in the variable's order. */
export interface WeightPlace {
  readonly tensor: string;
  /** Axis i of the variable is axis permutation[i] of the tensor. */
  readonly permutation?: readonly number[];
}

/** For the name of a variable the tensor that it is filled from. */
export type NameMap = (variable: string) => WeightPlace;

export interface MatchOptions {
  /** Tensors that the network has no use for. */
  readonly unused?: (tensor: string) => boolean;
}

const NAMED_MAX = 20;

/**
 * Values for all variables of a network, from tensors under other names. Throws one error with a sentence on each
 * tensor that is missing, left over or of another shape or type: a network that is filled in part is not what it seems.
 */
export function matchWeights(
  variables: readonly Pick<VariableInfo, 'name' | 'shape' | 'dtype'>[],
  tensors: NamedTensors,
  nameMap: NameMap,
  { unused = () => false }: MatchOptions = {},
): NamedTensors {
  const wrong: string[] = [];
  const left = new Set(Object.keys(tensors));
  const values = variables.map((variable) => {
    const place = nameMap(variable.name);
    const found = Object.hasOwn(tensors, place.tensor) ? tensors[place.tensor] : undefined;
    left.delete(place.tensor);
    if (!found) {
      wrong.push(`'${place.tensor}' is missing, which '${variable.name}' is filled from`);
      return undefined;
    }
    const value = place.permutation ? permuted(found, place.permutation) : found;
    const fits = value?.dtype === variable.dtype && value.shape.join() === variable.shape.join();
    if (value && fits) return [variable.name, value] as const;
    const order = place.permutation
      ? `, its axes in the order ${place.permutation.join(', ')},`
      : '';
    wrong.push(
      `'${place.tensor}' is ${typeText(found)}${order} where '${variable.name}' is ${typeText(variable)}`,
    );
    return undefined;
  });
  for (const name of left)
    if (!unused(name)) wrong.push(`'${name}' is left over: no variable is filled from it`);
  if (wrong.length === 0) return Object.fromEntries(values.filter((entry) => entry !== undefined));
  const more = wrong.length > NAMED_MAX ? `; and ${wrong.length - NAMED_MAX} more` : '';
  throw new FormatError('weights', 'names', `${wrong.slice(0, NAMED_MAX).join('; ')}${more}`);
}

function typeText({ dtype, shape }: Pick<Tensor, 'dtype' | 'shape'>): string {
  return `${dtype} [${shape.join(', ')}]`;
}

/** With the axes in another order; undefined where that is no order of its axes. */
function permuted(given: Tensor, order: readonly number[]): Tensor | undefined {
  const axes = given.shape.map((_, axis) => axis);
  if (order.toSorted((a, b) => a - b).join() !== axes.join()) return undefined;
  const strides = given.shape.map((_, axis) =>
    given.shape.slice(axis + 1).reduce((a, b) => a * b, 1),
  );
  const shape = order.map((axis) => given.shape[axis] as number);
  const steps = order.map((axis) => strides[axis] as number);
  const data = new (given.data.constructor as new (length: number) => TensorData)(
    given.data.length,
  );
  const place = new Array<number>(shape.length).fill(0);
  let from = 0;
  for (let to = 0; to < data.length; to += 1) {
    data[to] = given.data[from] as never;
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      from += steps[axis] as number;
      place[axis] = (place[axis] as number) + 1;
      if ((place[axis] as number) < (shape[axis] as number)) break;
      from -= (steps[axis] as number) * (shape[axis] as number);
      place[axis] = 0;
    }
  }
  return { dtype: given.dtype, shape, data };
}
