import type { Layer } from './layer.ts';

/** [N, ...] -> [N, everything else]. */
export function flatten(): Layer {
  return { apply: (x) => (x.shape.length === 2 ? x : x.graph.flatten(x)) };
}

/** x * scale + shift in f32, whatever the dtype of x: pixels from 0..255 to 0..1, for instance. */
export function rescale(scale: number, shift = 0): Layer {
  return {
    apply(x) {
      const graph = x.graph;
      const scaled = graph.mul(x.dtype === 'f32' ? x : graph.cast(x, 'f32'), scale);
      return shift === 0 ? scaled : graph.add(scaled, shift);
    },
  };
}

export function sequential(layers: readonly Layer[]): Layer {
  return { apply: (x, mode) => layers.reduce((value, layer) => layer.apply(value, mode), x) };
}
