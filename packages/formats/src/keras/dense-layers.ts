import type { Node } from '@vanda/engine';
import { tensor } from '@vanda/engine';
import { activated } from './activations.ts';
import type { LayerCall, LayerRule } from './layer-rule.ts';
import { sizeOf, unary } from './layer-rule.ts';

const dense = unary('passes', (x, call) => {
  const units = call.config.get('units').whole(1);
  call.config.get('lora_rank').mustBe(undefined);
  const kernel = call.weight('kernel', [sizeOf(x, -1, call), units]);
  const bias = call.config.get('use_bias').flag(true) ? call.weight('bias', [units]) : undefined;
  return activated(x.graph.dense(x, kernel, bias), call);
});

/** Numbers of words may come as f32, as Keras' inputs are by default; they are cut to whole ones. */
const embedding = unary('refused', (x, call) => {
  const { config } = call;
  const shape = [config.get('input_dim').whole(1), config.get('output_dim').whole(1)];
  config.get('lora_rank').mustBe(undefined);
  const table = call.weight('embeddings', shape);
  const g = x.graph;
  const indices = x.dtype === 'f32' ? g.cast(x, 'i32') : x;
  const node = g.gather(table, indices);
  if (!config.get('mask_zero').flag(false)) return [{ node }];
  return [{ node, mask: g.notEqual(indices, 0) }];
});

/** What Keras 3 makes of mask_zero: the comparison of the words with 0, as a layer. */
const notEqual = unary('refused', (x, { config, numbers }) => {
  const [number, ...more] = numbers;
  if (number === undefined || more.length > 0)
    config.fail('NotEqual takes one input and one number');
  return x.graph.notEqual(x, number as number);
});

/** Over the last axis, with the statistics that training left. */
const batchNormalization = unary('passes', (x, call) => {
  const { config } = call;
  const channels = channelsOf(call, x);
  const scale = optional(call, 'scale', 'gamma', channels, 1);
  const shift = optional(call, 'center', 'beta', channels, 0);
  const still = { trainable: false };
  const mean = call.weight('moving_mean', channels, still);
  const variance = call.weight('moving_variance', channels, still);
  const epsilon = config.get('epsilon').number(1e-3);
  return x.graph.batchNorm(x, scale, shift, mean, variance, { epsilon });
});

/** By a given mean and variance, or those of adapt(). Keras divides by 1e-7 where there is no deviation at all. */
const normalization = unary('passes', (x, call) => {
  const { config } = call;
  config.get('invert').mustBe(undefined, false);
  if (config.get('axis').isList) config.get('axis').wholes(-8, { length: 1 });
  const channels = channelsOf(call, x);
  const [mean, variance] = [
    statistic(call, 'mean', channels),
    statistic(call, 'variance', channels),
  ];
  const g = x.graph;
  return g.div(g.sub(x, mean), g.maximum(g.sqrt(variance), 1e-7));
});

const layerNormalization = unary('passes', (x, call) => {
  const { config } = call;
  const channels = channelsOf(call, x);
  config.get('rms_scaling').mustBe(undefined, false);
  const scale = optional(call, 'scale', 'gamma', channels, 1);
  const shift = optional(call, 'center', 'beta', channels, 0);
  return x.graph.layerNorm(x, scale, shift, { epsilon: config.get('epsilon').number(1e-3) });
});

const groupNormalization = unary('refused', (x, call) => {
  const { config } = call;
  const channels = channelsOf(call, x);
  const groups = config.get('groups').whole(1, 32);
  const scale = optional(call, 'scale', 'gamma', channels, 1);
  const shift = optional(call, 'center', 'beta', channels, 0);
  const epsilon = config.get('epsilon').number(1e-3);
  return x.graph.groupNorm(x, scale, shift, { groups, epsilon });
});

function statistic(call: LayerCall, name: string, shape: [number]): Node {
  const given = call.config.get(name);
  if (given.absent) return call.weight(name, shape, { trainable: false });
  const values = given.list().map((value) => value.number());
  if (values.length !== shape[0])
    given.fail(`has ${values.length} numbers for ${shape[0]} channels`);
  return call.graph.constant(tensor(values, shape));
}

/** The size of the last axis, as the shape of weights. */
function channelsOf(call: LayerCall, x: Node): [number] {
  const field = call.config.get('axis');
  const [axis = -1] = field.isList ? field.wholes(-8) : [field.whole(-8, -1)];
  if (axis !== -1 && axis !== x.shape.length - 1)
    field.fail(`is ${axis}; only the last axis can be normalised`);
  return [sizeOf(x, -1, call)];
}

/** A weight that the configuration may leave out: what it would be that changes nothing. */
function optional(call: LayerCall, flag: string, name: string, shape: [number], neutral: number) {
  if (call.config.get(flag).flag(true)) return call.weight(name, shape);
  return call.graph.constant(tensor(new Float32Array(shape[0]).fill(neutral), shape));
}

export const denseLayers: Record<string, LayerRule> = {
  Dense: dense,
  Embedding: embedding,
  NotEqual: { ...notEqual, numbers: true },
  BatchNormalization: batchNormalization,
  Normalization: normalization,
  LayerNormalization: layerNormalization,
  GroupNormalization: groupNormalization,
};
