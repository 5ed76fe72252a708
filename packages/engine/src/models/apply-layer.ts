import { EngineError } from '../engine-error.ts';
import type { Layer, Mode } from '../nn/layer.ts';
import type { Node } from '../node.ts';
import { isNetwork } from './network.ts';
import type { AnyLayer } from './symbol.ts';
import { typeText } from './symbol.ts';

/** A layer that is no model, on nodes; errors name the layer, what it was given and what would fit. */
export function applyLayer(
  layer: AnyLayer,
  name: string,
  nodes: readonly Node[],
  mode: Mode,
): Node {
  try {
    return applied(layer, nodes, mode);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new EngineError(error.code, layerText(layer, name), misfit(layer, nodes, error));
  }
}

/** Refuses what is no layer at all. */
export function checkLayer(layer: unknown): asserts layer is AnyLayer {
  const methods = ['apply', 'join', 'replay'];
  const given = layer as Record<string, unknown> | null | undefined;
  // An array has a join of its own, which is another.
  const callable = methods.some((name) => typeof given?.[name] === 'function');
  if (typeof given === 'object' && !Array.isArray(given) && callable) return;
  throw new EngineError(
    'invalid_graph',
    'call',
    'takes a layer, which has apply or join, or a model, and then what it is called on',
  );
}

/** hidden (dense). */
export function layerText(layer: AnyLayer, name: string): string {
  return `${name} (${layer.kind ?? 'layer'})`;
}

function applied(layer: AnyLayer, nodes: readonly Node[], mode: Mode): Node {
  const [first, second, third, ...more] = nodes;
  if (!isNetwork(layer) && first) {
    if ('join' in layer) return layer.join(nodes, mode);
    if (!second) return (layer as Layer).apply(first, mode);
    if (attends(layer) && more.length === 0) return layer.attend(first, second, mode, third);
  }
  throw new EngineError(
    'shape_mismatch',
    '',
    `takes one input and was given ${nodes.length}; a layer such as concatenate or add makes one of several`,
  );
}

function misfit(layer: AnyLayer, nodes: readonly Node[], error: EngineError): string {
  const given = nodes.map(typeText).join(' and ');
  const takes = layer.takes === undefined ? '' : ` It takes ${layer.takes}.`;
  const cause = error.op === '' || error.op === layer.kind ? error.detail : error.message;
  return `does not fit ${given}: ${cause}.${takes}`;
}

interface Attends {
  attend(query: Node, value: Node, mode: Mode, key?: Node): Node;
}

function attends(layer: object): layer is Attends {
  return 'attend' in layer;
}
