import type { Dim } from '@vanda/engine';
import { plainOrder, sameOrder } from '../../dims.ts';
import type { Emission } from '../emission.ts';
import type { LaidValue } from '../laid-value.ts';

/** Operands of one order, which broadcast in ONNX as they do in the engine, and that order. */
export function aligned(
  emission: Emission,
  values: readonly LaidValue[] = emission.inputs,
): { names: readonly string[]; order: readonly number[] } {
  const rank = Math.max(...values.map(({ dims }) => dims.length));
  const full = values.filter(({ dims, fixed }) => dims.length === rank && !fixed);
  const lead = full.reduce<LaidValue | undefined>(
    (best, value) => (best === undefined || sizeOf(value) > sizeOf(best) ? value : best),
    undefined,
  );
  const order = lead?.order ?? plainOrder(rank);
  const plain = sameOrder(order, plainOrder(rank));
  const names = values.map((value) => {
    const own = value.dims.length;
    const direct = own === rank ? order : plainOrder(own);
    if (own === rank || own === 0 || plain) return emission.layout.inOrder(value, direct);
    return filledUp(emission, value, order);
  });
  return { names, order };
}

function sizeOf({ dims }: LaidValue): number {
  return dims.reduce<number>((product, dim) => product * (dim ?? 1e9), 1);
}

/** A lower rank with ones before it, in an order of the full rank. */
function filledUp(emission: Emission, value: LaidValue, order: readonly number[]): string {
  const missing = order.length - value.dims.length;
  const dims: Dim[] = [...new Array<number>(missing).fill(1), ...value.dims];
  if (value.fixed) {
    const { tensor, name } = value.fixed;
    const wide = { ...tensor, shape: dims as number[] };
    const filled: LaidValue = {
      ...value,
      dims,
      order: plainOrder(dims.length),
      fixed: { tensor: wide, name },
    };
    return emission.layout.inOrder(filled, order);
  }
  const own = plainOrder(value.dims.length);
  const shape = dims.map((dim) => dim ?? -1);
  const source = emission.layout.inOrder(value, own);
  const name = emission.node('Reshape', [source, emission.writer.int64s(shape)]);
  const filled: LaidValue = { name, dims, dtype: value.dtype, order: plainOrder(dims.length) };
  return emission.layout.inOrder(filled, order);
}
