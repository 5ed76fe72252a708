import { EngineError } from '../engine-error.ts';
import type { NamePattern } from '../selection.ts';
import { nameTest } from '../selection.ts';
import type { Bound } from './bound.ts';
import type { Structure } from './structure.ts';
import { leaves } from './weights.ts';

/** Names of the variables that patterns mean, by themselves or by their layer; a pattern that means none is a mistake. */
export function matchVariables(
  model: string,
  structure: Structure,
  bound: Bound,
  patterns: readonly NamePattern[],
): string[] {
  const layerNames = new Map<string, string>();
  for (const { name, layer } of structure.entries) {
    if (!layer) continue;
    const own = 'structure' in layer ? [...leaves(layer.structure).keys()] : [layer];
    for (const leaf of own)
      for (const info of bound.home.variablesOf(leaf)) layerNames.set(info.name, name);
  }
  const names = bound.variables.map((info) => info.name);
  const found = patterns.flatMap((pattern) => {
    if (typeof pattern !== 'string' && !(pattern instanceof RegExp))
      throw new EngineError('invalid_attribute', model, 'takes patterns: texts or expressions');
    const test = nameTest(pattern);
    const meant = names.filter((name) => test(name) || test(layerNames.get(name) ?? ''));
    if (meant.length === 0)
      throw new EngineError(
        'unknown_name',
        model,
        `'${pattern}' is no layer or weight; there are ${names.join(', ')}`,
      );
    return meant;
  });
  return [...new Set(found)];
}
