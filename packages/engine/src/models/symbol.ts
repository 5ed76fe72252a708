import { EngineError } from '../engine-error.ts';
import type { Layer, MergeLayer } from '../nn/layer.ts';
import type { Dim, DType } from '../tensor.ts';
import type { Network } from './network.ts';

/** What may be called on symbols. */
export type AnyLayer = Layer | MergeLayer | Network;

/** One use of a layer; a layer that is used twice shares its weights. */
export interface Call {
  readonly layer: AnyLayer;
  readonly inputs: readonly Symbolic[];
  /** bool [batch, steps]: which steps count. */
  readonly mask: Symbolic | undefined;
  readonly outputs: readonly Symbolic[];
}

/** A value of a model that is being put together: a type, and where it comes from. */
export class Symbolic {
  readonly shape: readonly Dim[];
  readonly dtype: DType;
  /** Of an input that was given one. */
  readonly name: string | undefined;
  /** undefined: an input. */
  readonly call: Call | undefined;

  constructor(of: { shape: readonly Dim[]; dtype: DType; name?: string; call?: Call }) {
    this.shape = of.shape;
    this.dtype = of.dtype;
    this.name = of.name;
    this.call = of.call;
  }
}

const DTYPES: readonly DType[] = ['f32', 'i32', 'i64', 'u8', 'bool'];

/** A place for data: `shape` is that of one sample, without the batch. */
export function input(of: { shape: readonly number[]; dtype?: DType; name?: string }): Symbolic {
  const name = of?.name ?? 'input';
  const shape: unknown = of?.shape;
  if (!Array.isArray(shape) || shape.some((dim) => !Number.isSafeInteger(dim) || dim < 1)) {
    throw new EngineError(
      'invalid_attribute',
      name,
      `the shape [${shape}] must be of whole numbers above 0, without the batch`,
    );
  }
  if (of.dtype !== undefined && !DTYPES.includes(of.dtype)) {
    throw new EngineError(
      'invalid_attribute',
      name,
      `there is no dtype '${of.dtype}'; there are ${DTYPES.join(', ')}`,
    );
  }
  return new Symbolic({ shape: [null, ...of.shape], dtype: of.dtype ?? 'f32', name: of.name });
}

/** [batch, 28, 28, 1]. */
export function shapeText(shape: readonly Dim[]): string {
  return `[${shape.map((dim) => dim ?? 'batch').join(', ')}]`;
}

/** u8 [batch, 28, 28, 1]. */
export function typeText(type: { shape: readonly Dim[]; dtype: DType }): string {
  return `${type.dtype} ${shapeText(type.shape)}`;
}
