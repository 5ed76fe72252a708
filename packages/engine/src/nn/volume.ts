import type { Pool3dOptions, Triple, Conv3dOptions as Window3d } from '../ops/volume.ts';
import type { WeightOptions } from './convolution.ts';
import { weighted, weights } from './convolution.ts';
import type { Layer, Named } from './layer.ts';
import { Built, knownDim, VOLUMES } from './layer.ts';

export interface Conv3dOptions extends Window3d, WeightOptions {}
type Pooling3d = Named & Omit<Pool3dOptions, 'size'>;

/** Volumes [N, D, H, W, C] -> [N, OD, OH, OW, filters]. */
export function conv3d(filters: number, size: Triple, options: Conv3dOptions = {}): Layer {
  const built = new Built('conv3d', (graph, name, x) => {
    const channels = knownDim(x, 4, 'conv3d') / (options.groups ?? 1);
    const window = typeof size === 'number' ? [size, size, size] : size;
    return weights(graph, name, [...window, channels, filters], filters, options);
  });
  return weighted('conv3d', VOLUMES, built, options, (x, kernel, bias) =>
    x.graph.conv3d(x, kernel, bias, options),
  );
}

export function maxPool3d(size: Triple, options: Pooling3d = {}): Layer {
  return pooling('maxPool3d', options, (x) => x.graph.maxPool3d(x, { size, ...options }));
}

export function avgPool3d(size: Triple, options: Pooling3d = {}): Layer {
  return pooling('avgPool3d', options, (x) => x.graph.avgPool3d(x, { size, ...options }));
}

/** [N, D, H, W, C] -> [N, C]. */
export function globalAvgPool3d(options: Named = {}): Layer {
  return pooling('globalAvgPool3d', options, (x) => x.graph.mean(x, [1, 2, 3]));
}

export function globalMaxPool3d(options: Named = {}): Layer {
  return pooling('globalMaxPool3d', options, (x) => x.graph.max(x, [1, 2, 3]));
}

function pooling(kind: string, { name }: Named, apply: Layer['apply']): Layer {
  return { kind, name, takes: VOLUMES, apply };
}
