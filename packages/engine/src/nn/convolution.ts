import type { Graph } from '../graph.ts';
import type { Initializer } from '../initializer.ts';
import type { Node } from '../node.ts';
import type {
  ConvOptions,
  ConvTransposeOptions,
  Conv1dOptions as Window1d,
} from '../ops/convolution.ts';
import type { Padding1d, Pair } from '../ops/window.ts';
import { pair } from '../ops/window.ts';
import type { Activation } from './activation.ts';
import { activate } from './activation.ts';
import type { Layer, Named } from './layer.ts';
import { Built, knownDim, PICTURES, SEQUENCES } from './layer.ts';

export interface WeightOptions extends Named {
  activation?: Activation;
  useBias?: boolean;
  init?: Initializer;
}
export interface Conv2dOptions extends ConvOptions, WeightOptions {}
export interface Conv1dOptions extends Window1d, WeightOptions {}
export interface DepthwiseConv2dOptions extends Omit<Conv2dOptions, 'groups'> {
  /** Filters for each channel. */
  multiplier?: number;
}
export interface Conv2dTransposeOptions extends ConvTransposeOptions, WeightOptions {}
export interface Conv1dTransposeOptions extends Omit<Conv1dOptions, 'padding'> {
  padding?: Exclude<Padding1d, 'causal'>;
  outputPadding?: number;
}

/** Pictures [N, H, W, C] -> [N, OH, OW, filters]. */
export function conv2d(filters: number, size: Pair, options: Conv2dOptions = {}): Layer {
  const built = new Built('conv2d', (graph, name, x) => {
    const channels = knownDim(x, 3, 'conv2d') / (options.groups ?? 1);
    return weights(graph, name, [...pair(size), channels, filters], filters, options);
  });
  return weighted('conv2d', PICTURES, built, options, (x, kernel, bias) =>
    x.graph.conv2d(x, kernel, bias, options),
  );
}

/** Sequences [N, L, C] -> [N, OL, filters]. */
export function conv1d(filters: number, size: number, options: Conv1dOptions = {}): Layer {
  const built = new Built('conv1d', (graph, name, x) => {
    const channels = knownDim(x, 2, 'conv1d') / (options.groups ?? 1);
    return weights(graph, name, [size, channels, filters], filters, options);
  });
  return weighted('conv1d', SEQUENCES, built, options, (x, kernel, bias) =>
    x.graph.conv1d(x, kernel, bias, options),
  );
}

/** Each channel by itself: [N, H, W, C] -> [N, OH, OW, C multiplier]. */
export function depthwiseConv2d(size: Pair, options: DepthwiseConv2dOptions = {}): Layer {
  const multiplier = options.multiplier ?? 1;
  const built = new Built('depthwise_conv2d', (graph, name, x) => {
    const channels = knownDim(x, 3, 'depthwiseConv2d');
    const shape = [...pair(size), channels, multiplier];
    return weights(graph, name, shape, channels * multiplier, options);
  });
  return weighted('depthwiseConv2d', PICTURES, built, options, (x, kernel, bias) =>
    x.graph.depthwiseConv2d(x, kernel, bias, options),
  );
}

/** A depthwise convolution and one of size 1 over its channels: [N, H, W, C] -> [N, OH, OW, filters]. */
export function separableConv2d(
  filters: number,
  size: Pair,
  options: DepthwiseConv2dOptions = {},
): Layer {
  const multiplier = options.multiplier ?? 1;
  const built = new Built('separable_conv2d', (graph, name, x) => {
    const channels = knownDim(x, 3, 'separableConv2d');
    const init = options.init ?? { kind: 'heNormal' };
    const point = [1, 1, channels * multiplier, filters];
    return {
      depthwise: graph.variable(`${name}/depthwise`, [...pair(size), channels, multiplier], init),
      ...weights(graph, name, point, filters, options),
    };
  });
  return {
    kind: 'separableConv2d',
    name: options.name,
    takes: PICTURES,
    apply(x) {
      const { depthwise, kernel, bias } = built.on(x);
      return activate(
        options.activation,
        x.graph.separableConv2d(x, depthwise, kernel, bias, options),
      );
    },
  };
}

/** [N, H, W, C] -> [N, OH, OW, filters]: the gradient of a convolution, as in decoders; sizes as in Keras. */
export function conv2dTranspose(
  filters: number,
  size: Pair,
  options: Conv2dTransposeOptions = {},
): Layer {
  const built = new Built('conv2d_transpose', (graph, name, x) => {
    const channels = knownDim(x, 3, 'conv2dTranspose');
    const shape = [...pair(size), filters / (options.groups ?? 1), channels];
    return weights(graph, name, shape, filters, options);
  });
  return weighted('conv2dTranspose', PICTURES, built, options, (x, kernel, bias) =>
    x.graph.conv2dTranspose(x, kernel, bias, options),
  );
}

/** [N, L, C] -> [N, OL, filters]. */
export function conv1dTranspose(
  filters: number,
  size: number,
  options: Conv1dTransposeOptions = {},
): Layer {
  const built = new Built('conv1d_transpose', (graph, name, x) => {
    const channels = knownDim(x, 2, 'conv1dTranspose');
    const shape = [size, filters / (options.groups ?? 1), channels];
    return weights(graph, name, shape, filters, options);
  });
  return weighted('conv1dTranspose', SEQUENCES, built, options, (x, kernel, bias) =>
    x.graph.conv1dTranspose(x, kernel, bias, options),
  );
}

interface Weights {
  kernel: Node;
  bias: Node | undefined;
}

export function weights(
  graph: Graph,
  name: string,
  shape: readonly number[],
  outputs: number,
  options: WeightOptions,
): Weights {
  const bias = () => graph.variable(`${name}/bias`, [outputs], { kind: 'zeros' });
  return {
    kernel: graph.variable(`${name}/kernel`, shape, options.init ?? { kind: 'heNormal' }),
    bias: options.useBias === false ? undefined : bias(),
  };
}

export function weighted(
  kind: string,
  takes: string,
  built: Built<Weights>,
  options: WeightOptions,
  compute: (x: Node, kernel: Node, bias: Node | undefined) => Node,
): Layer {
  return {
    kind,
    name: options.name,
    takes,
    apply(x) {
      const { kernel, bias } = built.on(x);
      return activate(options.activation, compute(x, kernel, bias));
    },
  };
}
