import type { Dim, DType, Tensor } from '@vanda/engine';
import { plainOrder, sameOrder } from '../dims.ts';
import { permuted } from '../permute.ts';
import type { GraphWriter } from './graph-writer.ts';

/**
 * A value of the engine in a graph of ONNX: axis k there is axis order[k] of the engine's value, so that what the engine
 * has channels-last lies channels-first between ONNX's layers. `dims` are in the engine's order.
 */
export interface LaidValue {
  readonly dims: readonly Dim[];
  readonly dtype: DType;
  readonly order: readonly number[];
  /** Of a result of a node. */
  readonly name?: string;
  /** Of what is known now; it is written in the order in which it is asked for. */
  readonly fixed?: { readonly tensor: Tensor; readonly name: string };
}

/** Channels-first as ONNX wants it: which axis of [N, ...places, C] each axis of [N, C, ...places] is. */
export function channelsFirst(rank: number): number[] {
  return rank < 2 ? plainOrder(rank) : [0, rank - 1, ...plainOrder(rank).slice(1, -1)];
}

/** Lays values as they are asked for, each once. */
export class Layout {
  readonly #writer: GraphWriter;
  readonly #made = new Map<LaidValue, Map<string, string>>();

  constructor(writer: GraphWriter) {
    this.#writer = writer;
  }

  /** The name of a tensor whose axis k is axis order[k] of the value. */
  inOrder(value: LaidValue, order: readonly number[]): string {
    const { name } = value;
    if (name !== undefined && sameOrder(value.order, order)) return name;
    const made = this.#made.get(value) ?? new Map<string, string>();
    this.#made.set(value, made);
    const key = order.join();
    const found = made.get(key) ?? this.#laid(value, order);
    made.set(key, found);
    return found;
  }

  #laid({ fixed, name, dims, order: has }: LaidValue, order: readonly number[]): string {
    if (fixed) {
      const { tensor } = fixed;
      const data = permuted(tensor.data, tensor.shape, order);
      const shape = order.map((axis) => tensor.shape[axis] ?? 1);
      return this.#writer.tensor(fixed.name, { dtype: tensor.dtype, shape, data });
    }
    const permutation = order.map((axis) => has.indexOf(axis));
    const moved = permutation.filter((place) => dims[has[place] ?? 0] !== 1);
    const source = name as string;
    if (moved.every((place, i) => i === 0 || place > (moved[i - 1] ?? 0))) {
      const shape = order.map((axis, place) => dims[axis] ?? (has[place] === axis ? 0 : -1));
      return this.#writer.op('Reshape', [source, this.#writer.int64s(shape)]);
    }
    return this.#writer.op('Transpose', [source], { perm: permutation });
  }
}
