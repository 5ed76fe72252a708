import type { TensorData } from '@vanda/engine';

/** Row-major data of `shape` with its axes in another order: axis k of the result is axis order[k]. */
export function permuted<T extends TensorData>(
  data: T,
  shape: readonly number[],
  order: readonly number[],
): T {
  const strides = stridesOf(shape);
  const dims = order.map((axis) => shape[axis] ?? 1);
  const steps = order.map((axis) => strides[axis] ?? 1);
  const result = new (data.constructor as new (length: number) => T)(data.length);
  const inner = dims.at(-1) ?? 1;
  const innerStep = steps.at(-1) ?? 1;
  const place = new Array<number>(Math.max(0, dims.length - 1)).fill(0);
  let from = 0;
  for (let to = 0; to < data.length; to += inner) {
    for (let i = 0; i < inner; i += 1)
      result[to + i] = data[from + i * innerStep] as number & bigint;
    for (let axis = dims.length - 2; axis >= 0; axis -= 1) {
      const next = (place[axis] ?? 0) + 1;
      from += steps[axis] ?? 0;
      if (next < (dims[axis] ?? 1)) {
        place[axis] = next;
        break;
      }
      place[axis] = 0;
      from -= next * (steps[axis] ?? 0);
    }
  }
  return result;
}

export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis -= 1) {
    strides[axis] = (strides[axis + 1] ?? 1) * (shape[axis + 1] ?? 1);
  }
  return strides;
}
