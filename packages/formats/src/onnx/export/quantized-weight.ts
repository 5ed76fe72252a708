import { dataTypes } from '../proto.ts';
import type { NodeOut, TensorOut } from './graph-writer.ts';
import { floatsOf, floatTensor, rawTensor } from './tensor-proto.ts';

/** A weight in eight bits, symmetric about its zero, with a scale for each place of an axis. */
export interface QuantizedWeight {
  readonly codes: TensorOut;
  readonly scales: TensorOut;
  readonly zero: TensorOut;
  readonly scale: Float32Array;
}

/** The code of 0. */
const ZERO = 128;

/**
 * 127 steps on each side of 0, the largest weight of each channel being the last one, so that 0 stays 0 and nothing is
 * cut. Codes are unsigned: with signed ones, processors that have AVX2 alone add two products into sixteen bits and
 * saturate there, and seven bits, which would fit, lose more than that.
 */
export function quantizedWeight(weight: TensorOut, axis: number): QuantizedWeight {
  const values = floatsOf(weight);
  const channels = weight.dims[axis] ?? 1;
  const stride = weight.dims.slice(axis + 1).reduce((product, dim) => product * dim, 1);
  const channelOf = (i: number) => Math.floor(i / stride) % channels;
  const largest = new Float32Array(channels);
  for (const [i, value] of values.entries()) {
    const channel = channelOf(i);
    largest[channel] = Math.max(largest[channel] ?? 0, Math.abs(value));
  }
  const scale = largest.map((size) => (size > 0 ? size / 127 : 1));
  const codes = Uint8Array.from(values, (value, i) => {
    return ZERO + Math.max(-127, Math.min(127, Math.round(value / (scale[channelOf(i)] ?? 1))));
  });
  const { name, dims } = weight;
  return {
    codes: rawTensor(`${name}.codes`, dims, dataTypes.uint8, codes),
    scales: floatTensor(`${name}.scales`, [channels], scale),
    zero: rawTensor(
      `${name}.zeros`,
      [channels],
      dataTypes.uint8,
      new Uint8Array(channels).fill(ZERO),
    ),
    scale,
  };
}

/** Codes back to numbers, as a node whose result has the old name. */
export function dequantizeNode(output: string, weight: QuantizedWeight, axis: number): NodeOut {
  return {
    opType: 'DequantizeLinear',
    name: `${output}.dequantized`,
    input: [weight.codes.name, weight.scales.name, weight.zero.name],
    output: [output],
    attribute: [{ name: 'axis', type: 2, i: axis }],
  };
}
