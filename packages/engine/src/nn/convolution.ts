import type { Initializer } from '../initializer.ts';
import type { Padding, Pair } from '../ops/network.ts';
import type { Activation } from './activation.ts';
import { activate } from './activation.ts';
import type { Layer } from './layer.ts';
import { Built, knownDim } from './layer.ts';

export interface Conv2dOptions {
  stride?: Pair;
  padding?: Padding;
  groups?: number;
  dilation?: Pair;
  activation?: Activation;
  useBias?: boolean;
  init?: Initializer;
}

/** Pictures [N, H, W, C] -> [N, OH, OW, filters]. */
export function conv2d(filters: number, size: Pair, options: Conv2dOptions = {}): Layer {
  const [height, width] = typeof size === 'number' ? [size, size] : size;
  const built = new Built('conv2d', (graph, name, x) => {
    const channels = knownDim(x, 3, 'conv2d') / (options.groups ?? 1);
    return {
      kernel: graph.variable(
        `${name}/kernel`,
        [height, width, channels, filters],
        options.init ?? { kind: 'heNormal' },
      ),
      bias:
        options.useBias === false
          ? undefined
          : graph.variable(`${name}/bias`, [filters], { kind: 'zeros' }),
    };
  });
  return {
    apply(x) {
      const { kernel, bias } = built.on(x);
      const { stride, padding, groups, dilation } = options;
      return activate(
        options.activation,
        x.graph.conv2d(x, kernel, bias, { stride, padding, groups, dilation }),
      );
    },
  };
}

export function maxPool(size: Pair, options: { stride?: Pair; padding?: Padding } = {}): Layer {
  return { apply: (x) => x.graph.maxPool2d(x, { size, ...options }) };
}

export function avgPool(size: Pair, options: { stride?: Pair; padding?: Padding } = {}): Layer {
  return { apply: (x) => x.graph.avgPool2d(x, { size, ...options }) };
}

/** [N, H, W, C] -> [N, C]. */
export function globalAvgPool(): Layer {
  return { apply: (x) => x.graph.globalAvgPool2d(x) };
}

export function globalMaxPool(): Layer {
  return { apply: (x) => x.graph.globalMaxPool2d(x) };
}
