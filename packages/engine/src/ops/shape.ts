import { EngineError } from '../engine-error.ts';
import type { Node } from '../node.ts';
import type { Dim } from '../tensor.ts';
import { ReductionOps } from './reduction.ts';

/** Begin, end and step of each axis, as in Python's x[begin:end:step]; left out or null: all of it. */
export type Range = readonly [begin?: number | null, end?: number | null, step?: number] | null;

/** Operations that move elements and compute none. */
export class ShapeOps extends ReductionOps {
  /** 0 keeps that dim of x (use it for the batch), -1 is inferred. */
  reshape(x: Node, shape: readonly number[]): Node {
    return this.emit('reshape', [x], { shape });
  }
  transpose(x: Node, permutation?: readonly number[]): Node {
    const reversed = x.shape.map((_, axis) => x.shape.length - 1 - axis);
    return this.emit('transpose', [x], { permutation: permutation ?? reversed });
  }
  expand(x: Node, shape: readonly Dim[]): Node {
    return this.emit('expand', [x], { shape: shape.map((dim) => dim ?? -1) });
  }
  concat(xs: readonly Node[], axis: number): Node {
    return this.emit('concat', xs, { axis });
  }
  /** A size of -1 goes to the end; steps may be negative. */
  slice(
    x: Node,
    begin: readonly number[],
    size: readonly number[],
    step: readonly number[] = [],
  ): Node {
    return this.emit('slice', [x], { begin, size, step });
  }
  /** Python's slices: stridedSlice(x, [null, [1, -1], [null, null, -1]]) is x[:, 1:-1, ::-1]. */
  stridedSlice(x: Node, ranges: readonly Range[]): Node {
    const parts = x.shape.map((dim, axis) => partOf(ranges[axis] ?? null, dim));
    if (ranges.length > parts.length) {
      throw new EngineError('invalid_attribute', 'slice', 'there are more ranges than axes');
    }
    return this.slice(
      x,
      parts.map((part) => part.begin),
      parts.map((part) => part.size),
      parts.map((part) => part.step),
    );
  }
  /** The elements of some axes in reverse order. */
  flip(x: Node, axes: number | readonly number[]): Node {
    const flipped = new Set([axes].flat().map((axis) => this.axisOf(x, axis, 'flip')));
    return this.stridedSlice(
      x,
      x.shape.map((_, axis) => (flipped.has(axis) ? [null, null, -1] : null)),
    );
  }
  /** [N, ...] -> [N, everything else]. */
  flatten(x: Node): Node {
    return this.reshape(x, [0, -1]);
  }
  /** Without axes of one element: all of them, or the given ones. */
  squeeze(x: Node, axes?: number | readonly number[]): Node {
    const given = axes === undefined ? undefined : [axes].flat();
    const drop = new Set(
      given?.map((axis) => this.axisOf(x, axis, 'squeeze')) ??
        x.shape.flatMap((dim, axis) => (dim === 1 ? [axis] : [])),
    );
    for (const axis of drop) {
      if (x.shape[axis] === 1) continue;
      const text = `axis ${axis} of [${x.shape.join(', ')}] has ${x.shape[axis] ?? 'any number of'} elements, not 1`;
      throw new EngineError('shape_mismatch', 'squeeze', text);
    }
    return this.#reshaped(
      x,
      x.shape.filter((_, axis) => !drop.has(axis)),
    );
  }
  /** With a new axis of one element at `axis` of the result. */
  expandDims(x: Node, axis: number): Node {
    const at = axis < 0 ? axis + x.shape.length + 1 : axis;
    if (!Number.isInteger(at) || at < 0 || at > x.shape.length) {
      throw new EngineError(
        'invalid_attribute',
        'expandDims',
        `there is no place ${axis} in ${x.shape.length} axes`,
      );
    }
    return this.#reshaped(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
  }
  /** Joins tensors of one shape along a new axis. */
  stack(xs: readonly Node[], axis = 0): Node {
    return this.concat(
      xs.map((x) => this.expandDims(x, axis)),
      axis,
    );
  }
  /** The tensors that lie along an axis, without it. */
  unstack(x: Node, axis = 0): Node[] {
    const at = this.axisOf(x, axis, 'unstack');
    return this.split(x, x.shape[at] ?? 0, at).map((part) => this.squeeze(part, at));
  }
  /** Equal parts of an axis, or parts of the given sizes. */
  split(x: Node, parts: number | readonly number[], axis = 0): Node[] {
    const at = this.axisOf(x, axis, 'split');
    const length = x.shape[at];
    const sizes =
      typeof parts === 'number'
        ? new Array<number>(parts).fill((length ?? Number.NaN) / parts)
        : parts;
    const total = sizes.reduce((sum, size) => sum + size, 0);
    if (sizes.length === 0 || total !== length || !sizes.every((size) => Number.isInteger(size))) {
      const text = `an axis of ${length ?? 'unknown size'} does not split into ${JSON.stringify(parts)}`;
      throw new EngineError('shape_mismatch', 'split', text);
    }
    let begin = 0;
    return sizes.map((size) => {
      const range: Range = [begin, begin + size];
      begin += size;
      return this.stridedSlice(
        x,
        x.shape.map((_, k) => (k === at ? range : null)),
      );
    });
  }
  /** A border of one value: [before, after] for each axis. */
  pad(x: Node, borders: readonly (readonly [before: number, after: number])[], value = 0): Node {
    return this.emit('pad', [x], {
      before: borders.map(([before]) => before),
      after: borders.map(([, after]) => after),
      value,
    });
  }
  /** Repeats the whole along each axis. */
  tile(x: Node, repeats: readonly number[]): Node {
    if (repeats.length !== x.shape.length || !repeats.every((n) => Number.isInteger(n) && n > 0)) {
      const text = `needs one number of at least 1 for each axis of [${x.shape.join(', ')}]`;
      throw new EngineError('invalid_attribute', 'tile', text);
    }
    return repeats.reduce((tiled, count, axis) => this.#repeated(tiled, count, axis), x);
  }
  /** Slices of x along an axis by their numbers: [A, K, B] and indices [...] -> [A, ..., B]. */
  take(x: Node, indices: Node, axis = 0): Node {
    return this.emit('take', [x, indices], { axis });
  }
  /** For each index the element that it names along an axis: indices have the shape of the result. */
  takeAlongAxis(x: Node, indices: Node, axis = -1): Node {
    return this.emit('take_along_axis', [x, indices], { axis });
  }
  oneHot(indices: Node, depth: number): Node {
    return this.emit('one_hot', [indices], { depth });
  }

  protected axisOf(x: Node, axis: number, op: string): number {
    const at = axis < 0 ? axis + x.shape.length : axis;
    if (Number.isInteger(at) && at >= 0 && at < x.shape.length) return at;
    const text = `there is no axis ${axis} in a tensor of ${x.shape.length} axes`;
    throw new EngineError('invalid_attribute', op, text);
  }

  // [A, D, B] -> [A, 1, D, B] -> [A, count, D, B] -> [A, count * D, B]
  #repeated(x: Node, count: number, axis: number): Node {
    if (count === 1) return x;
    const dims = x.shape;
    const dim = dims[axis];
    if (dim === null || dim === undefined) {
      throw new EngineError('shape_mismatch', 'tile', 'the batch cannot be repeated');
    }
    const apart = this.expandDims(x, axis);
    const wide = this.expand(apart, [...dims.slice(0, axis), count, ...dims.slice(axis)]);
    return this.#reshaped(wide, [...dims.slice(0, axis), count * dim, ...dims.slice(axis + 1)]);
  }

  // A batch that keeps its place is kept, one that moves is inferred.
  #reshaped(x: Node, dims: readonly Dim[]): Node {
    return this.reshape(
      x,
      dims.map((dim, axis) => dim ?? (x.shape[axis] === null ? 0 : -1)),
    );
  }
}

function partOf(range: Range, dim: Dim): { begin: number; size: number; step: number } {
  const [begin, end, step = 1] = range ?? [];
  if (dim === null) {
    const whole = (begin ?? 0) === 0 && step === 1;
    const text = 'of the batch only the first elements or all of them can be taken';
    if (!whole || (end ?? 0) < 0) throw new EngineError('invalid_attribute', 'slice', text);
    return { begin: 0, size: end ?? -1, step };
  }
  if (!Number.isInteger(step) || step === 0) {
    throw new EngineError('invalid_attribute', 'slice', `${step} is no step`);
  }
  // As in Python: from the end where negative, and cut to what is there.
  const lowest = step > 0 ? 0 : -1;
  const cut = (place: number) =>
    Math.min(Math.max(place < 0 ? place + dim : place, lowest), step > 0 ? dim : dim - 1);
  const first = cut(begin ?? (step > 0 ? 0 : dim - 1));
  const last = end === undefined || end === null ? (step > 0 ? dim : -1) : cut(end);
  const size = Math.max(0, Math.ceil((last - first) / step));
  return { begin: Math.max(0, first), size, step };
}
