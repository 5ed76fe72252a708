import type { Node, nn } from '@vanda/engine';

export interface NamedPlaces {
  /** The result of the last layer. */
  result: Node;
  /** What each layer computes, by its name, in order; the last is `logits`. */
  places: Record<string, Node>;
  /** The name of the last place before the logits: what a new head may be put on. */
  features: string;
}

/**
 * Applies layers one after the other as in serving, and names what each computes by its kind and a number: conv2d_1,
 * maxPool_1, dense_1, ... Layers that change nothing then, such as dropout, have no place.
 */
export function applyNamed(layers: readonly nn.Layer[], x: Node): NamedPlaces {
  const places: Record<string, Node> = {};
  const counts = new Map<string, number>();
  let result = x;
  let features = '';
  for (const [at, layer] of layers.entries()) {
    const value = layer.apply(result, { training: false });
    const kind = layer.kind ?? 'layer';
    const count = (counts.get(kind) ?? 0) + 1;
    const last = at === layers.length - 1;
    if (value === result && !last) continue;
    counts.set(kind, count);
    const name = last ? 'logits' : `${kind}_${count}`;
    if (!last) features = name;
    places[name] = value;
    result = value;
  }
  return { result, places, features };
}
