import { EngineError } from '../engine-error.ts';
import type { VariableInfo } from '../graph-core.ts';
import { layerText } from './apply-layer.ts';
import { isNetwork } from './network.ts';
import type { Structure } from './structure.ts';
import type { AnyLayer, Symbolic } from './symbol.ts';
import { shapeText, typeText } from './symbol.ts';

/** A weight of a layer before the layer is anywhere; the name is relative to the layer's. */
interface WeightType {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: VariableInfo['dtype'];
  readonly trainable: boolean;
}

const known = new WeakMap<AnyLayer, Map<string, WeightType>>();

/** Keeps what a layer's weights are, and refuses a use that would need others. */
export function noteWeights(
  layer: AnyLayer,
  name: string,
  inputs: readonly Symbolic[],
  variables: readonly VariableInfo[],
): void {
  const weights = known.get(layer) ?? new Map<string, WeightType>();
  known.set(layer, weights);
  for (const info of variables) {
    const own = info.name.replace(/^own\//, '');
    const before = weights.get(own);
    if (before && before.shape.join() !== info.shape.join()) {
      throw new EngineError(
        'shape_mismatch',
        layerText(layer, name),
        `does not fit ${inputs.map(typeText).join(' and ')}: it is shared, and its ${own} is ${shapeText(before.shape)} where this would need ${shapeText(info.shape)}`,
      );
    }
    const { shape, dtype, trainable } = info;
    weights.set(own, { name: own, shape, dtype, trainable });
  }
}

export function weightTypes(layer: AnyLayer): WeightType[] {
  return [...(known.get(layer)?.values() ?? [])];
}

/** The layers of a model and of the models in it that are none themselves, each once, with whether it rests. */
export function leaves(structure: Structure, resting = false): Map<AnyLayer, boolean> {
  const found = new Map<AnyLayer, boolean>();
  for (const { layer } of structure.entries) {
    if (!layer) continue;
    const rests = resting || layer.trainable === false;
    const own = isNetwork(layer) ? leaves(layer.structure, rests) : new Map([[layer, rests]]);
    for (const [leaf, state] of own) found.set(leaf, state || (found.get(leaf) ?? false));
  }
  return found;
}

export interface Amount {
  readonly elements: number;
  readonly bytes: number;
}

/** What there is of weights in these layers; `frozen` says which of them rest although their layer does not. */
export function countWeights(
  layers: ReadonlyMap<AnyLayer, boolean>,
  frozen: (layer: AnyLayer, weight: string) => boolean,
): { trainable: Amount; still: Amount } {
  const amounts = { trainable: { elements: 0, bytes: 0 }, still: { elements: 0, bytes: 0 } };
  for (const [layer, rests] of layers) {
    for (const weight of weightTypes(layer)) {
      const elements = weight.shape.reduce((product, dim) => product * dim, 1);
      const moves = weight.trainable && !rests && !frozen(layer, weight.name);
      const amount = moves ? amounts.trainable : amounts.still;
      amount.elements += elements;
      amount.bytes += elements * bytesOf[weight.dtype];
    }
  }
  return amounts;
}

const bytesOf = { f32: 4, i32: 4, i64: 8, u8: 1, bool: 1 };
