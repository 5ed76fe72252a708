import type { Layer } from './layer.ts';

/**
 * The same layer, such as a sequential block of several, of which training keeps no activations: they are computed again
 * when the gradient comes, which gives the same bits for less memory. See Graph.recompute.
 */
export function recompute(layer: Layer): Layer {
  return {
    kind: layer.kind ?? 'recompute',
    name: layer.name,
    takes: layer.takes,
    apply: (x, mode) =>
      mode.training ? x.graph.recompute(() => layer.apply(x, mode)) : layer.apply(x, mode),
  };
}
