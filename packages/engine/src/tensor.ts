import { EngineError } from './engine-error.ts';
import type { NativeTensor } from './native.ts';

export type DType = 'f32' | 'i32' | 'i64' | 'u8' | 'bool';
/** null: the batch, known when a plan is made. */
export type Dim = number | null;
/** bool travels as Uint8Array of 0 and 1. */
export type TensorData = Float32Array | Int32Array | BigInt64Array | Uint8Array;

/** A tensor in host memory, row-major; pictures are [N, H, W, C]. */
export interface Tensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** A tensor of data; the shape defaults to one dim, the dtype to that of the array (numbers: f32). */
export function tensor(
  data: TensorData | readonly number[],
  shape?: readonly number[],
  dtype?: DType,
): Tensor {
  const kind = dtype ?? dtypeOf(data);
  const typed = ArrayBuffer.isView(data) ? data : fromNumbers(data, kind);
  const dims = shape ?? [typed.length];
  const elements = dims.reduce((product, dim) => product * dim, 1);
  if (elements !== typed.length) {
    throw new EngineError(
      'shape_mismatch',
      'tensor',
      `${typed.length} elements do not fill the shape [${dims.join(', ')}]`,
    );
  }
  if (dtypeOf(typed) !== kind && !(kind === 'bool' && typed instanceof Uint8Array)) {
    throw new EngineError(
      'dtype_mismatch',
      'tensor',
      `a ${typed.constructor.name} does not hold ${kind}`,
    );
  }
  return { dtype: kind, shape: [...dims], data: typed };
}

export function dtypeOf(data: TensorData | readonly number[]): DType {
  if (data instanceof Int32Array) return 'i32';
  if (data instanceof BigInt64Array) return 'i64';
  if (data instanceof Uint8Array) return 'u8';
  return 'f32';
}

function fromNumbers(numbers: readonly number[], dtype: DType): TensorData {
  switch (dtype) {
    case 'f32':
      return Float32Array.from(numbers);
    case 'i32':
      return Int32Array.from(numbers);
    case 'i64':
      return BigInt64Array.from(numbers, (value) => BigInt(value));
    default:
      return Uint8Array.from(numbers);
  }
}

export function toNative(name: string, value: Tensor): NativeTensor {
  return { name, dtype: value.dtype, shape: [...value.shape], data: value.data };
}

export function namedTensors(list: readonly NativeTensor[]): Record<string, Tensor> {
  return Object.fromEntries(
    list.map(({ name, dtype, shape, data }) => [name ?? '', { dtype, shape, data }]),
  );
}
