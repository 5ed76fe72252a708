import type { Mode } from '../nn/layer.ts';
import type { Node } from '../node.ts';
import { applyLayer } from './apply-layer.ts';
import type { Home } from './home.ts';
import { isNetwork } from './network.ts';
import type { Structure } from './structure.ts';
import { kindOf, snakeCase } from './structure.ts';
import type { AnyLayer, Call, Symbolic } from './symbol.ts';

/** How a model is put into a graph. */
export interface Replay {
  readonly home: Home;
  readonly training: boolean;
  /** Layers of which nothing changes. */
  readonly resting: ReadonlySet<AnyLayer>;
}

/** Applies every call of a structure to nodes; gives the outputs. */
export function replay(structure: Structure, inputs: readonly Node[], context: Replay): Node[] {
  const values = new Map<Symbolic, Node>();
  for (const [i, symbol] of structure.inputs.entries()) values.set(symbol, inputs[i] as Node);
  const read = (symbol: Symbolic) => values.get(symbol) as Node;
  const names = new Map(structure.entries.map((entry) => [entry.layer, entry.name]));
  for (const call of structure.calls) {
    const name = names.get(call.layer) ?? kindOf(call.layer);
    const outputs = replayCall(call, name, read, context);
    for (const [i, symbol] of call.outputs.entries()) values.set(symbol, outputs[i] as Node);
  }
  return structure.outputs.map(read);
}

function replayCall(
  { layer, inputs, mask }: Call,
  name: string,
  read: (symbol: Symbolic) => Node,
  context: Replay,
): Node[] {
  const nodes = inputs.map(read);
  if (isNetwork(layer)) return layer.replay(nodes, context);
  const { home, resting } = context;
  // Statistics of a normalisation that rests are part of what rests.
  const still = layer.kind === 'batchNorm' && resting.has(layer);
  const mode: Mode = { training: context.training && !still, mask: mask && read(mask) };
  return home.watch(layer, () =>
    home.graph.scoped(home.path(layer), snakeCase(kindOf(layer)), () => [
      applyLayer(layer, name, nodes, mode),
    ]),
  );
}
