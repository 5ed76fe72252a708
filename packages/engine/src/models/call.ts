import { EngineError } from '../engine-error.ts';
import { Graph } from '../graph.ts';
import type { Layer, MergeLayer } from '../nn/layer.ts';
import type { Dim, DType } from '../tensor.ts';
import { applyLayer, checkLayer, layerText } from './apply-layer.ts';
import type { Network } from './network.ts';
import { isNetwork } from './network.ts';
import { callsBefore, kindOf, snakeCase } from './structure.ts';
import type { AnyLayer, Call } from './symbol.ts';
import { Symbolic, typeText } from './symbol.ts';
import { noteWeights } from './weights.ts';

export interface CallOptions {
  /** bool [batch, steps], for recurrent layers and attention: which steps count. */
  mask?: Symbolic;
}

/**
 * A layer on a symbol, a merging layer on several, a model on its inputs; attention also takes [query, value] and
 * [query, value, key]. Called again, the same layer shares its weights. A shape that does not fit throws here.
 */
export function call(
  layer: Layer | Network,
  x: Symbolic | readonly Symbolic[],
  options?: CallOptions,
): Symbolic;
export function call(layer: MergeLayer, xs: readonly Symbolic[], options?: CallOptions): Symbolic;
export function call(
  layer: AnyLayer,
  x: Symbolic | readonly Symbolic[],
  options: CallOptions = {},
): Symbolic {
  const outputs = callAll(layer, x, options);
  if (outputs.length !== 1) {
    throw new EngineError(
      'invalid_graph',
      layerText(layer, layer.name ?? kindOf(layer)),
      `has ${outputs.length} outputs; callAll gives them all`,
    );
  }
  return outputs[0] as Symbolic;
}

/** Like call, for a model with several outputs: gives all of them. */
export function callAll(
  layer: AnyLayer,
  x: Symbolic | readonly Symbolic[],
  options: CallOptions = {},
): Symbolic[] {
  checkLayer(layer);
  const inputs = Array.isArray(x) ? [...x] : [x as Symbolic];
  const name = layer.name ?? provisionalName(layer, inputs);
  if (inputs.length === 0 || inputs.some((symbol) => !(symbol instanceof Symbolic))) {
    throw new EngineError(
      'invalid_graph',
      layerText(layer, name),
      'is called on what input() and call() give',
    );
  }
  const types = isNetwork(layer)
    ? networkTypes(layer, name, inputs)
    : [drafted(layer, name, inputs, options.mask)];
  const outputs: Symbolic[] = [];
  const made: Call = { layer, inputs, mask: options.mask, outputs };
  outputs.push(...types.map((type) => new Symbolic({ ...type, call: made })));
  return outputs;
}

interface Type {
  shape: readonly Dim[];
  dtype: DType;
}

/** Applies the layer in a graph of its own, to find out what it gives and which weights it has. */
function drafted(
  layer: AnyLayer,
  name: string,
  inputs: readonly Symbolic[],
  mask: Symbolic | undefined,
): Type {
  const graph = new Graph({ draft: true });
  const place = (symbol: Symbolic, as: string) => graph.placeholder(as, symbol.shape, symbol.dtype);
  const nodes = inputs.map((symbol, i) => place(symbol, `in/${i}`));
  const mode = { training: false, mask: mask && place(mask, 'in/mask') };
  const y = graph.scoped('own', snakeCase(kindOf(layer)), () =>
    applyLayer(layer, name, nodes, mode),
  );
  noteWeights(layer, name, inputs, graph.variables);
  return { shape: y.shape, dtype: y.dtype };
}

function networkTypes(network: Network, name: string, inputs: readonly Symbolic[]): Type[] {
  network.settle(inputs);
  const wanted = network.structure.inputs;
  const text = (symbols: readonly Symbolic[]) => symbols.map(typeText).join(' and ');
  if (text(wanted) !== text(inputs)) {
    throw new EngineError(
      'shape_mismatch',
      layerText(network, name),
      `does not fit ${text(inputs)}. It takes ${text(wanted)}.`,
    );
  }
  return network.structure.outputs.map(({ shape, dtype }) => ({ shape, dtype }));
}

/** The name that the layer will have in a model of what there is so far. */
function provisionalName(layer: AnyLayer, inputs: readonly Symbolic[]): string {
  const kind = kindOf(layer);
  const before = callsBefore(inputs.filter((symbol) => symbol instanceof Symbolic));
  const same = new Set(before.map((made) => made.layer).filter((other) => kindOf(other) === kind));
  const place = same.has(layer) ? [...same].indexOf(layer) : same.size;
  return place === 0 ? snakeCase(kind) : `${snakeCase(kind)}_${place}`;
}
