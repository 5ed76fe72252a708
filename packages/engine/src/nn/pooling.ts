import type { Pool1dOptions, PoolOptions } from '../ops/pooling.ts';
import type { Pair } from '../ops/window.ts';
import { knownDims, pair } from '../ops/window.ts';
import type { Layer } from './layer.ts';

export function maxPool(size: Pair, options: Omit<PoolOptions, 'size'> = {}): Layer {
  return { apply: (x) => x.graph.maxPool2d(x, { size, ...options }) };
}

export function avgPool(size: Pair, options: Omit<PoolOptions, 'size'> = {}): Layer {
  return { apply: (x) => x.graph.avgPool2d(x, { size, ...options }) };
}

export function maxPool1d(size: number, options: Omit<Pool1dOptions, 'size'> = {}): Layer {
  return { apply: (x) => x.graph.maxPool1d(x, { size, ...options }) };
}

export function avgPool1d(size: number, options: Omit<Pool1dOptions, 'size'> = {}): Layer {
  return { apply: (x) => x.graph.avgPool1d(x, { size, ...options }) };
}

/** [N, H, W, C] -> [N, C]. */
export function globalAvgPool(): Layer {
  return { apply: (x) => x.graph.globalAvgPool2d(x) };
}

export function globalMaxPool(): Layer {
  return { apply: (x) => x.graph.globalMaxPool2d(x) };
}

/** [N, L, C] -> [N, C]. */
export function globalAvgPool1d(): Layer {
  return { apply: (x) => x.graph.globalAvgPool1d(x) };
}

export function globalMaxPool1d(): Layer {
  return { apply: (x) => x.graph.globalMaxPool1d(x) };
}

/** [N, H, W, C] -> [N, H size, W size, C], by repeating pixels unless told to interpolate. */
export function upsampling2d(
  size: Pair = 2,
  options: { interpolation?: 'nearest' | 'bilinear' } = {},
): Layer {
  const [down, across] = pair(size);
  return {
    apply(x) {
      const [height = 0, width = 0] = knownDims(x, 'upsampling2d', '[N, H, W, C]');
      const method = options.interpolation ?? 'nearest';
      return x.graph.resize2d(x, [height * down, width * across], { method });
    },
  };
}
