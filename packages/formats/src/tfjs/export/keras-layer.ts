import type { Dim, DType, Tensor } from '@vanda/engine';

/** A layer of the model that is written. Passes over the layers change them in place. */
export interface KerasLayerOut {
  name: string;
  className: string;
  config: Record<string, unknown>;
  inputs: LayerOutput[];
  /** By Keras' own names, in Keras' own order. */
  weights: Record<string, Tensor>;
  /** y = factor x + shift, one number or one for each of the last axis: which layer says that is decided last. */
  affine?: Affine;
  /** It gives whole numbers, as int32. */
  whole?: boolean;
}

export interface Affine {
  readonly factor: Float64Array;
  readonly shift: Float64Array;
}

export interface LayerOutput {
  readonly layer: KerasLayerOut;
  readonly output: number;
}

/** A value of the engine while its network is put into layers: what a layer gives, or what is known now. */
export interface LayerValue {
  /** As in the engine; the first is the batch and open, but for what is known. */
  readonly dims: readonly Dim[];
  readonly dtype: DType;
  readonly from?: LayerOutput;
  readonly fixed?: { readonly tensor: Tensor; readonly name: string };
  /** f32 numbers that stand for whole ones: whoever reads them as numbers of rows cuts them, nobody else does. */
  readonly uncut?: boolean;
  /** Nothing in it is below 0, so that a border of zeros never is the greatest. */
  readonly notNegative?: boolean;
}
