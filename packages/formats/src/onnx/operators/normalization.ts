import type { Node } from '@vanda/engine';
import type { Call, Operators } from '../call.ts';
import { channelsLast, plainOrder } from '../dims.ts';
import { reshaped } from '../reshape.ts';
import type { Value } from '../value.ts';

function channelsOf(call: Call): number {
  const dim = call.dims(0)[1];
  return typeof dim === 'number' ? dim : call.refuse('takes [N, C, ...] of a known C');
}

/** Inference: with the statistics that training left behind, which stay as they are in further training. */
function batchNormalization(call: Call): Value {
  const { builder } = call;
  call.attributes.ignore('momentum');
  if (call.attributes.flag('training_mode')) {
    call.refuse(
      'the network was exported in training mode; export it for inference',
      'training_mode',
    );
  }
  channelsOf(call);
  const order = channelsLast(call.rank(0));
  const [scale, shift] = [1, 2].map((i) => builder.plain(call.input(i)));
  const [mean, variance] = [3, 4].map((i) => builder.plain(frozen(call.input(i))));
  const y = builder.graph.batchNorm(
    builder.inOrder(call.input(0), order),
    scale as Node,
    shift as Node,
    mean as Node,
    variance as Node,
    { epsilon: call.attributes.float('epsilon', 1e-5) },
  );
  return builder.flow(y, order, call.input(0));
}

/** Statistics are no weights: an optimizer leaves them alone. */
function frozen(value: Value): Value {
  return value.kind === 'stored' ? { ...value, frozen: true } : value;
}

/** Rows over all axes from `axis` on; the engine's statistics are over the last one. */
function layerNormalization(call: Call): Value {
  const { builder } = call;
  call.attributes.ignore('stash_type');
  if (call.outputNames.slice(1).some((name) => name !== '')) {
    call.refuse('its mean or deviation is used, which are not supported');
  }
  const dims = call.dims(0);
  const axis = call.axis(call.attributes.int('axis', -1), dims.length);
  const width = dims.slice(axis).reduce<number>((product, dim) => {
    return typeof dim === 'number'
      ? product * dim
      : call.refuse('a row would hold the batch', 'axis');
  }, 1);
  const rows =
    axis === dims.length - 1
      ? call.input(0)
      : reshaped(builder, call.input(0), [...dims.slice(0, axis), width]);
  const flow = builder.asFlow(rows);
  // The axes before the last may lie in any order.
  const order = [...flow.order.filter((at) => at !== axis), axis];
  const vector = (value: Value) => builder.plain(reshaped(builder, value, [width]));
  const scale = vector(call.input(1));
  const shift = call.inputs[2] ? vector(call.inputs[2]) : builder.graph.mul(scale, 0);
  const y = builder.graph.layerNorm(builder.inOrder(rows, order), scale, shift, {
    epsilon: call.attributes.float('epsilon', 1e-5),
  });
  const normalized = builder.flow(y, order, call.input(0));
  return axis === dims.length - 1 ? normalized : reshaped(builder, normalized, dims);
}

/** Instance normalisation is group normalisation with a group for each channel. */
function instanceNormalization(call: Call): Value {
  return grouped(call, channelsOf(call), builder1d(call, 1), builder1d(call, 2));
}

/** Before opset 21 there is one scale for a group, from then on one for a channel. */
function groupNormalization(call: Call): Value {
  const { builder } = call;
  call.attributes.ignore('stash_type');
  const groups = call.attributes.int('num_groups');
  const channels = channelsOf(call);
  const spread = (index: number): Node => {
    const vector = builder1d(call, index);
    if (call.opset >= 21) return vector;
    const each = builder.graph.expand(builder.graph.reshape(vector, [-1, 1]), [
      groups,
      channels / groups,
    ]);
    return builder.graph.reshape(each, [channels]);
  };
  return grouped(call, groups, spread(1), spread(2));
}

function builder1d(call: Call, index: number): Node {
  return call.builder.inOrder(call.input(index), plainOrder(1));
}

function grouped(call: Call, groups: number, scale: Node, shift: Node): Value {
  const { builder } = call;
  const order = channelsLast(call.rank(0));
  const epsilon = call.attributes.float('epsilon', 1e-5);
  const x = builder.inOrder(call.input(0), order);
  return builder.flow(
    builder.graph.groupNorm(x, scale, shift, { groups, epsilon }),
    order,
    call.input(0),
  );
}

/** Each channel by the squares of those around it, `alpha` being of their mean as in the engine. */
function localResponse(call: Call): Value {
  const { builder, attributes } = call;
  channelsOf(call);
  const order = channelsLast(call.rank(0));
  const y = builder.graph.localResponseNorm(builder.inOrder(call.input(0), order), {
    size: attributes.int('size'),
    alpha: attributes.float('alpha', 1e-4),
    beta: attributes.float('beta', 0.75),
    bias: attributes.float('bias', 1),
  });
  return builder.flow(y, order, call.input(0));
}

export const normalization: Operators = {
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  InstanceNormalization: instanceNormalization,
  GroupNormalization: groupNormalization,
  LRN: localResponse,
};
