import type { Pool1dOptions, PoolOptions } from '../ops/pooling.ts';
import type { Pair } from '../ops/window.ts';
import { knownDims, pair } from '../ops/window.ts';
import type { Layer, Named } from './layer.ts';
import { PICTURES, SEQUENCES } from './layer.ts';

type Pooling2d = Named & Omit<PoolOptions, 'size'>;
type Pooling1d = Named & Omit<Pool1dOptions, 'size'>;

export function maxPool(size: Pair, options: Pooling2d = {}): Layer {
  return layer('maxPool', PICTURES, options, (x) => x.graph.maxPool2d(x, { size, ...options }));
}

export function avgPool(size: Pair, options: Pooling2d = {}): Layer {
  return layer('avgPool', PICTURES, options, (x) => x.graph.avgPool2d(x, { size, ...options }));
}

export function maxPool1d(size: number, options: Pooling1d = {}): Layer {
  return layer('maxPool1d', SEQUENCES, options, (x) => x.graph.maxPool1d(x, { size, ...options }));
}

export function avgPool1d(size: number, options: Pooling1d = {}): Layer {
  return layer('avgPool1d', SEQUENCES, options, (x) => x.graph.avgPool1d(x, { size, ...options }));
}

/** [N, H, W, C] -> [N, C]. */
export function globalAvgPool(options: Named = {}): Layer {
  return layer('globalAvgPool', PICTURES, options, (x) => x.graph.globalAvgPool2d(x));
}

export function globalMaxPool(options: Named = {}): Layer {
  return layer('globalMaxPool', PICTURES, options, (x) => x.graph.globalMaxPool2d(x));
}

/** [N, L, C] -> [N, C]. */
export function globalAvgPool1d(options: Named = {}): Layer {
  return layer('globalAvgPool1d', SEQUENCES, options, (x) => x.graph.globalAvgPool1d(x));
}

export function globalMaxPool1d(options: Named = {}): Layer {
  return layer('globalMaxPool1d', SEQUENCES, options, (x) => x.graph.globalMaxPool1d(x));
}

/** [N, H, W, C] -> [N, H size, W size, C], by repeating pixels unless told to interpolate. */
export function upsampling2d(
  size: Pair = 2,
  options: Named & { interpolation?: 'nearest' | 'bilinear' } = {},
): Layer {
  const [down, across] = pair(size);
  return {
    kind: 'upsampling2d',
    name: options.name,
    takes: PICTURES,
    apply(x) {
      const [height = 0, width = 0] = knownDims(x, 'upsampling2d', '[N, H, W, C]');
      const method = options.interpolation ?? 'nearest';
      return x.graph.resize2d(x, [height * down, width * across], { method });
    },
  };
}

function layer(kind: string, takes: string, { name }: Named, apply: Layer['apply']): Layer {
  return { kind, name, takes, apply };
}
