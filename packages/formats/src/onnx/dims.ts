import type { Dim } from '@vanda/engine';

/** The batch, known when a plan is made, times a number: [N, T, C] reshaped to [N T, C] begins with one. */
export class OpenDim {
  readonly times: number;

  constructor(times = 1) {
    this.times = times;
  }
}

/** A dim of a value, or an element of a shape that is computed in the graph. */
export type OnnxDim = number | OpenDim;

/** The product of dims: a number times a power of the batch. */
export interface Extent {
  readonly count: number;
  readonly open: number;
}

export function extentOf(dims: readonly OnnxDim[]): Extent {
  return dims.reduce<Extent>(
    ({ count, open }, dim) =>
      typeof dim === 'number'
        ? { count: count * dim, open }
        : { count: count * dim.times, open: open + 1 },
    { count: 1, open: 0 },
  );
}

export function dimsText(dims: readonly (OnnxDim | Dim)[]): string {
  const text = (dim: OnnxDim | Dim) => {
    if (typeof dim === 'number') return String(dim);
    return dim === null || dim.times === 1 ? 'batch' : `batch x ${dim.times}`;
  };
  return `[${dims.map(text).join(', ')}]`;
}

export function plainOrder(rank: number): number[] {
  return Array.from({ length: rank }, (_, axis) => axis);
}

/** Storage of pictures and sequences: [N, C, H, W] lies as [N, H, W, C]. */
export function channelsLast(rank: number): number[] {
  return [0, ...plainOrder(rank).slice(2), 1];
}

export function sameOrder(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((axis, place) => axis === b[place]);
}
