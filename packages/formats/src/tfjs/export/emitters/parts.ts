import type { Dim } from '@vanda/engine';
import type { LayerValue } from '../keras-layer.ts';
import type { LayerEmission } from '../layer-emission.ts';

export function product(dims: readonly number[]): number {
  return dims.reduce((total, dim) => total * dim, 1);
}

export function sameDims(a: readonly Dim[], b: readonly Dim[]): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}

/** The same numbers in other dims behind the batch. */
export function reshaped(e: LayerEmission, x: LayerValue, places: readonly number[]): LayerValue {
  const dims = [null, ...places];
  if (sameDims(x.dims, dims)) return x;
  const flat = places.length === 1 && x.dims.length > 1;
  const layer = flat
    ? { className: 'Flatten', config: { data_format: 'channels_last' } }
    : { className: 'Reshape', config: { target_shape: [...places] } };
  return e.moved(dims, x, layer);
}

/** Axis k of the result is axis order[k] of x; the batch stays first. */
export function permuted(e: LayerEmission, x: LayerValue, order: readonly number[]): LayerValue {
  if (order.every((axis, place) => axis === place)) return x;
  const dims = order.map((axis) => x.dims[axis] ?? null);
  return e.moved(dims, x, { className: 'Permute', config: { dims: order.slice(1) } });
}

/** factor x + shift, with one number or one for each of the last axis. */
export function affine(
  e: LayerEmission,
  x: LayerValue,
  factor: ArrayLike<number>,
  shift: ArrayLike<number>,
): LayerValue {
  const numbers = { factor: Float64Array.from(factor), shift: Float64Array.from(shift) };
  return e.layer(x.dims, { className: 'Affine', inputs: [x], affine: numbers });
}

export function scaled(e: LayerEmission, x: LayerValue, factor: number, shift = 0): LayerValue {
  return affine(e, x, [factor], [shift]);
}

export function activation(e: LayerEmission, x: LayerValue, name: string): LayerValue {
  const notNegative = ['relu', 'relu6', 'sigmoid', 'softmax', 'softplus'].includes(name);
  const layer = { className: 'Activation', inputs: [x], config: { activation: name }, name };
  return e.layer(x.dims, layer, notNegative);
}

/** Sums along one axis by a matrix [D, D']: y[.., j, ..] is the sum of x[.., i, ..] matrix[i, j]. */
export function throughMatrix(
  e: LayerEmission,
  x: LayerValue,
  axis: number,
  matrix: { data: Float32Array; to: number },
): LayerValue {
  if (x.dtype !== 'f32') e.refuse(`is of ${x.dtype}, and such only are moved as a whole`);
  const rank = x.dims.length;
  const order = x.dims.map((_, at) => at);
  const swapped = order.map((at) => (at === axis ? rank - 1 : at === rank - 1 ? axis : at));
  const last = permuted(e, x, swapped);
  const from = Number(last.dims.at(-1));
  const kernel = { dtype: 'f32' as const, shape: [from, matrix.to], data: matrix.data };
  const y = e.layer([...last.dims.slice(0, -1), matrix.to], {
    className: 'Dense',
    inputs: [last],
    config: denseConfig(matrix.to, false),
    weights: { kernel },
  });
  return permuted(e, y, swapped);
}

/** Zeros to begin with: what a file brings is not worth drawing random numbers for first. */
export const zeros = { class_name: 'Zeros', config: {} };

export function denseConfig(units: number, bias: boolean): Record<string, unknown> {
  return { units, activation: 'linear', use_bias: bias, kernel_initializer: zeros };
}
