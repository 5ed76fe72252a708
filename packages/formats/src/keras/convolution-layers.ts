import type { Node, Padding1d } from '@vanda/engine';
import type { JsonField } from '../json-field.ts';
import { activated } from './activations.ts';
import type { LayerCall, LayerRule } from './layer-rule.ts';
import { channelsLast, sizeOf, unary } from './layer-rule.ts';

type Pair = [number, number];

/** Two numbers, or one that stands for both. */
export function pairOf(field: JsonField, fallback: number): Pair {
  return field.wholes(1, { length: 2, fallback: [fallback, fallback] }) as Pair;
}

function single(field: JsonField, fallback: number): number {
  const [value] = field.wholes(1, { length: 1, fallback: [fallback] });
  return value as number;
}

function windowOf(config: JsonField) {
  channelsLast(config);
  return {
    stride: pairOf(config.get('strides'), 1),
    dilation: pairOf(config.get('dilation_rate'), 1),
    padding: config.get('padding').choice(['valid', 'same'], 'valid'),
  };
}

function window1d<P extends Padding1d & string>(config: JsonField, paddings: readonly P[]) {
  channelsLast(config);
  return {
    stride: single(config.get('strides'), 1),
    dilation: single(config.get('dilation_rate'), 1),
    padding: config.get('padding').choice(paddings, 'valid' as P),
  };
}

function biasOf(call: LayerCall, size: number): Node | undefined {
  return call.config.get('use_bias').flag(true) ? call.weight('bias', [size]) : undefined;
}

function grouped(call: LayerCall, channels: number): { groups: number; each: number } {
  const field = call.config.get('groups');
  const groups = field.whole(1, 1);
  if (channels % groups !== 0) field.fail(`${channels} channels do not make ${groups} groups`);
  return { groups, each: channels / groups };
}

const conv2d = unary('refused', (x, call) => {
  const { config } = call;
  const { groups, each } = grouped(call, sizeOf(x, 3, call));
  const filters = config.get('filters').whole(1);
  const [high, wide] = pairOf(config.get('kernel_size'), 0);
  const kernel = call.weight('kernel', [high, wide, each, filters]);
  const y = x.graph.conv2d(x, kernel, biasOf(call, filters), { ...windowOf(config), groups });
  return activated(y, call);
});

const conv1d = unary('refused', (x, call) => {
  const { config } = call;
  const { groups, each } = grouped(call, sizeOf(x, 2, call));
  const filters = config.get('filters').whole(1);
  const kernel = call.weight('kernel', [single(config.get('kernel_size'), 0), each, filters]);
  const options = { ...window1d(config, ['valid', 'same', 'causal']), groups };
  return activated(x.graph.conv1d(x, kernel, biasOf(call, filters), options), call);
});

/** The name of the kernel is that of Keras 2, which TensorFlow.js writes as well. */
const depthwiseConv2d = unary('refused', (x, call) => {
  const { config } = call;
  const channels = sizeOf(x, 3, call);
  const multiplier = config.get('depth_multiplier').whole(1, 1);
  const [high, wide] = pairOf(config.get('kernel_size'), 0);
  const kernel = call.weight('depthwise_kernel', [high, wide, channels, multiplier]);
  const bias = biasOf(call, channels * multiplier);
  return activated(x.graph.depthwiseConv2d(x, kernel, bias, windowOf(config)), call);
});

const separableConv2d = unary('refused', (x, call) => {
  const { config } = call;
  const channels = sizeOf(x, 3, call);
  const multiplier = config.get('depth_multiplier').whole(1, 1);
  const filters = config.get('filters').whole(1);
  const [high, wide] = pairOf(config.get('kernel_size'), 0);
  const depthwise = call.weight('depthwise_kernel', [high, wide, channels, multiplier]);
  const pointwise = call.weight('pointwise_kernel', [1, 1, channels * multiplier, filters]);
  const bias = biasOf(call, filters);
  const y = x.graph.separableConv2d(x, depthwise, pointwise, bias, windowOf(config));
  return activated(y, call);
});

const conv2dTranspose = unary('refused', (x, call) => {
  const { config } = call;
  const filters = config.get('filters').whole(1);
  const [high, wide] = pairOf(config.get('kernel_size'), 0);
  const kernel = call.weight('kernel', [high, wide, filters, sizeOf(x, 3, call)]);
  const added = config.get('output_padding');
  const outputPadding = added.absent ? undefined : (added.wholes(0, { length: 2 }) as Pair);
  const y = x.graph.conv2dTranspose(x, kernel, biasOf(call, filters), {
    ...windowOf(config),
    outputPadding,
  });
  return activated(y, call);
});

const conv1dTranspose = unary('refused', (x, call) => {
  const { config } = call;
  const filters = config.get('filters').whole(1);
  const size = single(config.get('kernel_size'), 0);
  const kernel = call.weight('kernel', [size, filters, sizeOf(x, 2, call)]);
  const added = config.get('output_padding');
  const outputPadding = added.absent ? undefined : added.wholes(0, { length: 1 })[0];
  const y = x.graph.conv1dTranspose(x, kernel, biasOf(call, filters), {
    ...window1d(config, ['valid', 'same']),
    outputPadding,
  });
  return activated(y, call);
});

export const convolutionLayers: Record<string, LayerRule> = {
  Conv1D: conv1d,
  Conv2D: conv2d,
  Conv1DTranspose: conv1dTranspose,
  Conv2DTranspose: conv2dTranspose,
  DepthwiseConv2D: depthwiseConv2d,
  SeparableConv2D: separableConv2d,
};
