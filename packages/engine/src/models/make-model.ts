import { Model } from './model.ts';
import { structureOf } from './structure.ts';
import { Symbolic } from './symbol.ts';
import type { ModelOptions } from './weighted.ts';

type OneOrMany<T> = T | readonly T[];

/** A model from its inputs to its outputs, through whatever lies between. */
export function model(
  of: ModelOptions & { inputs: OneOrMany<Symbolic>; outputs: OneOrMany<Symbolic> },
): Model {
  const { inputs, outputs, ...options } = of;
  const list = (given: OneOrMany<Symbolic>) => (given instanceof Symbolic ? [given] : [...given]);
  const structure = structureOf(options.name ?? 'model', list(inputs), list(outputs));
  return new Model('model', options, structure);
}
