import type { DType, Node, Tensor } from '@vanda/engine';
import type { OnnxDim } from './dims.ts';
import { OpenDim } from './dims.ts';

/** A small tensor whose elements are known at import; those of a shape may be the open batch. */
export interface Known {
  readonly kind: 'known';
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly data: readonly OnnxDim[];
}

/** One number everywhere, in a shape that holds the open batch. */
export interface Filled {
  readonly kind: 'filled';
  readonly dtype: DType;
  readonly dims: readonly OnnxDim[];
  readonly fill: number;
}

/** A tensor of the file. It becomes a variable (f32) or a constant when it is first used, in the order that suits there. */
export interface Stored {
  readonly kind: 'stored';
  readonly name: string;
  readonly tensor: Tensor;
  /** A weight becomes a variable; anything else stays a constant. */
  readonly weight: boolean;
  /** Never trained: the statistics of a normalisation. */
  readonly frozen?: boolean;
}

/** A result of the graph: axis k of the node is axis order[k] of the value as ONNX sees it. */
export interface Flow {
  readonly kind: 'flow';
  readonly node: Node;
  readonly order: readonly number[];
  /** What the open dim counts in batches. */
  readonly times: number;
}

export type Value = Known | Filled | Stored | Flow;

/** A tensor of more elements than this is never computed at import. */
export const KNOWN_MAX = 1 << 18;

/** The dims in ONNX's order. */
export function dimsOf(value: Value): readonly OnnxDim[] {
  switch (value.kind) {
    case 'known':
    case 'filled':
      return value.dims;
    case 'stored':
      return value.tensor.shape;
    case 'flow': {
      const dims = new Array<OnnxDim>(value.order.length);
      for (const [place, axis] of value.order.entries()) {
        dims[axis] = value.node.shape[place] ?? new OpenDim(value.times);
      }
      return dims;
    }
  }
}

export function dtypeOf(value: Value): DType {
  if (value.kind === 'stored') return value.tensor.dtype;
  return value.kind === 'flow' ? value.node.dtype : value.dtype;
}

export function known(dtype: DType, dims: readonly number[], data: readonly OnnxDim[]): Known {
  return { kind: 'known', dtype, dims, data };
}

/** The elements where they are known at import; a weight's are not, since training may change them. */
export function asKnown(value: Value): Known | undefined {
  if (value.kind === 'known') return value;
  if (value.kind !== 'stored' || value.weight || value.tensor.data.length > KNOWN_MAX)
    return undefined;
  const { dtype, shape, data } = value.tensor;
  return known(dtype, shape, Array.from(data as ArrayLike<number | bigint>, Number));
}
