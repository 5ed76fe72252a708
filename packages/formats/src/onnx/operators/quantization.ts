import type { Node, Tensor } from '@vanda/engine';
import { tensor } from '@vanda/engine';
import type { Call, Operators } from '../call.ts';
import { plainOrder } from '../dims.ts';
import { stridesOf } from '../permute.ts';
import type { Stored, Value } from '../value.ts';
import { asKnown, dtypeOf } from '../value.ts';

/** Quantised weights become ordinary ones; quantised activations are numbers times their scale. */
function dequantize(call: Call): Value {
  const { builder } = call;
  const value = call.input(0);
  const scale = call.numbers(1);
  const zero = call.optionalNumbers(2) ?? scale.map(() => 0);
  const rank = call.rank(0);
  const axis = scale.length > 1 ? call.axis(call.attributes.int('axis', 1), rank) : 0;
  call.attributes.ignore('axis', 'saturate', 'output_dtype');
  if (call.attributes.int('block_size', 0) !== 0) call.refuse('is not supported', 'block_size');
  if (value.kind === 'stored') return dequantized(value, scale, zero, axis);
  const x = builder.asFlow(value);
  const { graph } = builder;
  const shifted = graph.sub(graph.cast(x.node, 'f32'), vector(call, zero, axis, x.order));
  return builder.flow(graph.mul(shifted, vector(call, scale, axis, x.order)), x.order, x);
}

function dequantized(
  { name, tensor: given }: Stored,
  scale: readonly number[],
  zero: readonly number[],
  axis: number,
): Stored {
  const stride = stridesOf(given.shape)[axis] ?? 1;
  const channels = scale.length;
  const data = Float32Array.from(given.data as ArrayLike<number | bigint>, (element, i) => {
    const channel = channels === 1 ? 0 : Math.floor(i / stride) % channels;
    return (Number(element) - (zero[channel] ?? 0)) * (scale[channel] ?? 0);
  });
  const real: Tensor = { dtype: 'f32', shape: given.shape, data };
  return { kind: 'stored', name, tensor: real, weight: data.length > 1 };
}

/** One number, or one for each place of an axis, so that it broadcasts in that storage. */
function vector(
  call: Call,
  numbers: readonly number[],
  axis: number,
  order: readonly number[],
): Node {
  const shape = numbers.length === 1 ? [] : order.map((at) => (at === axis ? numbers.length : 1));
  return call.builder.graph.constant(tensor(numbers, shape, 'f32'));
}

/** Rounded to the nearest step, halves to the even one, and cut to what eight bits hold. */
function quantize(call: Call): Value {
  const { builder } = call;
  const { graph } = builder;
  const scale = call.numbers(1);
  const zero = call.optionalNumbers(2) ?? [0];
  const signed = call.inputs[2] !== undefined && dtypeOf(call.inputs[2]) !== 'u8';
  const x = builder.asFlow(call.input(0));
  const axis = scale.length > 1 ? call.axis(call.attributes.int('axis', 1), x.order.length) : 0;
  call.attributes.ignore('axis', 'saturate', 'output_dtype', 'block_size');
  const steps = graph.round(graph.div(x.node, vector(call, scale, axis, x.order)));
  const placed = graph.add(steps, vector(call, zero, axis, x.order));
  const [low, high] = signed ? [-128, 127] : [0, 255];
  const cut = graph.clamp(placed, low, high);
  return builder.flow(graph.cast(cut, signed ? 'i32' : 'u8'), x.order, x);
}

/** The scale and zero point of a whole tensor, found when it runs (ONNX's DynamicQuantizeLinear). */
function dynamicQuantize(call: Call): readonly Value[] {
  const { builder } = call;
  const { graph } = builder;
  const x = builder.asFlow(call.input(0));
  const high = graph.maximum(graph.max(x.node), 0);
  const low = graph.minimum(graph.min(x.node), 0);
  const scale = graph.maximum(graph.mul(graph.sub(high, low), 1 / 255), 1e-30);
  const zero = graph.clamp(graph.round(graph.neg(graph.div(low, scale))), 0, 255);
  const steps = graph.add(graph.round(graph.div(x.node, scale)), zero);
  return [
    builder.flow(graph.cast(graph.clamp(steps, 0, 255), 'u8'), x.order, x),
    builder.plainFlow(scale),
    builder.plainFlow(graph.cast(zero, 'u8')),
  ];
}

/** Sums of products of small integers, which f32 holds exactly up to 2^24. */
function shifted(call: Call, index: number, zeroIndex: number, order: readonly number[]): Node {
  const { builder } = call;
  const x = builder.graph.cast(builder.inOrder(call.input(index), order), 'f32');
  const zero = call.inputs[zeroIndex];
  if (!zero || asKnown(zero)?.data.every((element) => element === 0)) return x;
  return builder.graph.sub(x, builder.graph.cast(builder.plain(zero), 'f32'));
}

function matMulInteger(call: Call): Value {
  const { builder } = call;
  const a = shifted(call, 0, 2, plainOrder(call.rank(0)));
  const b = shifted(call, 1, 3, plainOrder(call.rank(1)));
  return builder.plainFlow(builder.graph.matmul(a, b), call.input(0));
}

export const quantization: Operators = {
  DequantizeLinear: dequantize,
  QuantizeLinear: quantize,
  DynamicQuantizeLinear: dynamicQuantize,
  MatMulInteger: matMulInteger,
};
