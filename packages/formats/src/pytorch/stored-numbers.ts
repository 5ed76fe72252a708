import type { Tensor } from '@vanda/engine';
import { bfloat16ToFloat32, float16ToFloat32 } from '../float16.ts';
import type { StorageType } from './globals.ts';

export const ELEMENT_BYTES: Readonly<Record<StorageType, 1 | 2 | 4 | 8>> = {
  Float: 4,
  Double: 8,
  Half: 2,
  BFloat16: 2,
  Long: 8,
  Int: 4,
  Short: 2,
  Char: 1,
  Byte: 1,
  Bool: 1,
};

type Numbers = Omit<Tensor, 'shape'>;

/** Numbers as torch stores them in the types of the engine: floats of any precision become f32, short integers i32. */
const converters: Readonly<Record<StorageType, (buffer: ArrayBuffer) => Numbers>> = {
  Float: (buffer) => ({ dtype: 'f32', data: new Float32Array(buffer) }),
  Double: (buffer) => ({ dtype: 'f32', data: Float32Array.from(new Float64Array(buffer)) }),
  Half: (buffer) => ({ dtype: 'f32', data: float16ToFloat32(new Uint16Array(buffer)) }),
  BFloat16: (buffer) => ({ dtype: 'f32', data: bfloat16ToFloat32(new Uint16Array(buffer)) }),
  Long: (buffer) => ({ dtype: 'i64', data: new BigInt64Array(buffer) }),
  Int: (buffer) => ({ dtype: 'i32', data: new Int32Array(buffer) }),
  Short: (buffer) => ({ dtype: 'i32', data: Int32Array.from(new Int16Array(buffer)) }),
  Char: (buffer) => ({ dtype: 'i32', data: Int32Array.from(new Int8Array(buffer)) }),
  Byte: (buffer) => ({ dtype: 'u8', data: new Uint8Array(buffer) }),
  Bool: (buffer) => ({
    dtype: 'bool',
    data: Uint8Array.from(new Uint8Array(buffer), (v) => (v ? 1 : 0)),
  }),
};

/** A view of a storage, laid out row by row. */
export interface View {
  readonly offset: number;
  readonly size: readonly number[];
  readonly stride: readonly number[];
}

/** Copies a view out of the storage's bytes; the view must lie within them. */
export function numbersOf(type: StorageType, bytes: Uint8Array, view: View): Numbers {
  const width = ELEMENT_BYTES[type];
  const count = view.size.reduce((product, dim) => product * dim, 1);
  const rows = new Uint8Array(count * width);
  if (isRowByRow(view)) {
    const begin = view.offset * width;
    rows.set(bytes.subarray(begin, begin + count * width));
    return converters[type](rows.buffer);
  }
  const place = new Array<number>(view.size.length).fill(0);
  let from = view.offset;
  for (let element = 0; element < count; element += 1) {
    for (let byte = 0; byte < width; byte += 1)
      rows[element * width + byte] = bytes[from * width + byte] as number;
    for (let axis = place.length - 1; axis >= 0; axis -= 1) {
      const [dim, step] = [view.size[axis] as number, view.stride[axis] as number];
      from += step;
      place[axis] = (place[axis] as number) + 1;
      if ((place[axis] as number) < dim) break;
      from -= step * dim;
      place[axis] = 0;
    }
  }
  return converters[type](rows.buffer);
}

/** Axes of one element may have any stride. */
function isRowByRow({ size, stride }: View): boolean {
  let step = 1;
  for (let axis = size.length - 1; axis >= 0; axis -= 1) {
    if (size[axis] !== 1 && stride[axis] !== step) return false;
    step *= size[axis] as number;
  }
  return true;
}
