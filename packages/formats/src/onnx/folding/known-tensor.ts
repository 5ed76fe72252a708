import type { DType } from '@vanda/engine';
import type { Call } from '../call.ts';
import type { OnnxDim } from '../dims.ts';
import { stridesOf } from '../permute.ts';
import type { Known } from '../value.ts';
import { KNOWN_MAX, known } from '../value.ts';

function countOf(call: Call, dims: readonly number[]): number {
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (dims.every((dim) => dim >= 0 && Number.isInteger(dim)) && count <= KNOWN_MAX) {
    call.builder.spend(count);
    return count;
  }
  return call.refuse(`the shape [${dims.join(', ')}] is too large to be computed at import`);
}

/** A known tensor whose element at each place (one number an axis) is what `element` says. */
export function built(
  call: Call,
  dtype: DType,
  dims: readonly number[],
  element: (place: readonly number[]) => OnnxDim,
): Known {
  const strides = stridesOf(dims);
  const data = Array.from({ length: countOf(call, dims) }, (_, flat) =>
    element(dims.map((dim, axis) => Math.floor(flat / (strides[axis] ?? 1)) % dim)),
  );
  return known(dtype, dims, data);
}

export function at(value: Known, place: readonly number[]): OnnxDim {
  const strides = stridesOf(value.dims);
  const flat = place.reduce((sum, index, axis) => sum + index * (strides[axis] ?? 0), 0);
  return value.data[flat] ?? 0;
}

/** The place in a tensor that broadcasts to where `place` is. */
export function broadcastPlace(dims: readonly number[], place: readonly number[]): number[] {
  const offset = place.length - dims.length;
  return dims.map((dim, axis) => (dim === 1 ? 0 : (place[axis + offset] ?? 0)));
}

export function broadcastDims(call: Call, values: readonly Known[]): number[] {
  const rank = Math.max(...values.map((value) => value.dims.length));
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = values.map(({ dims }) => dims[axis - (rank - dims.length)] ?? 1);
    const size = sizes.find((each) => each !== 1) ?? 1;
    if (sizes.every((each) => each === 1 || each === size)) return size;
    return call.refuse(`dims of ${sizes.join(' and ')} do not broadcast together`);
  });
}
