import { EngineError } from '../engine-error.ts';
import type { Node } from '../node.ts';
import { tensor } from '../tensor.ts';
import { RecurrenceOps } from './recurrence.ts';

/** Elements by their order, and by places of several axes. */
export class PlaceOps extends RecurrenceOps {
  /** The elements along an axis from the smallest on, equals as they lie, and where they were (i32). A NaN is greatest. */
  sort(
    x: Node,
    axis = -1,
    options: { descending?: boolean } = {},
  ): { values: Node; indices: Node } {
    const attributes = { axis, descending: options.descending ?? false };
    const [values, indices] = this.emitAll('sort', [x], attributes) as [Node, Node];
    return { values, indices };
  }

  /**
   * What lies at places of the first K axes: x [D1, ..., DK, ...], indices [..., K] -> [..., ...]. Negative indices count
   * from the end; an index outside is an error when it is met.
   */
  gatherNd(x: Node, indices: Node): Node {
    const { depth, flat, sizes } = this.#flatPlaces('gatherNd', x.shape, indices);
    const rest = knownSizes('gatherNd', x.shape.slice(depth));
    return this.gather(this.reshape(x, [product(sizes), ...rest]), flat);
  }

  /**
   * Zeros of a shape with values added at places of its first K axes: indices [..., K], values [..., ...] of what those
   * places hold. Where a place is named twice, its values add up.
   */
  scatterNd(indices: Node, values: Node, shape: readonly number[]): Node {
    const { flat, sizes } = this.#flatPlaces('scatterNd', shape, indices);
    const rows = this.emit('scatter_add', [values, flat], { rows: product(sizes) });
    return this.reshape(rows, shape);
  }

  /** x with the given values at places of its first K axes (as scatterNd), each place named at most once. */
  scatterNdUpdate(x: Node, indices: Node, values: Node): Node {
    const shape = knownSizes('scatterNdUpdate', x.shape);
    const hit = this.scatterNd(indices, this.onesLike(values), shape);
    return this.where(this.greater(hit, 0), this.scatterNd(indices, values, shape), x);
  }

  /**
   * Pictures read between their pixels: x [N, H, W, C], grid [N, OH, OW, 2] of places (x, y) from -1 to 1 over the picture
   * -> [N, OH, OW, C], bilinear. As PyTorch's grid_sample (whose pictures are [N, C, H, W]).
   */
  gridSample(
    x: Node,
    grid: Node,
    options: { padding?: 'zeros' | 'border'; alignCorners?: boolean } = {},
  ): Node {
    const { padding = 'zeros', alignCorners = false } = options;
    return this.emit('grid_sample', [x, grid], { padding, alignCorners });
  }

  // Places of the first K axes as numbers of rows; one that is outside becomes -1, which every reader refuses.
  #flatPlaces(op: string, shape: Node['shape'], indices: Node) {
    const depth = indices.shape.at(-1);
    if (typeof depth !== 'number' || depth < 1 || depth > shape.length) {
      const text = `indices of [${indices.shape.join(', ')}] do not name places of [${shape.join(', ')}]`;
      throw new EngineError('shape_mismatch', op, text);
    }
    const sizes = knownSizes(op, shape.slice(0, depth));
    const strides = sizes.map((_, axis) => product(sizes.slice(axis + 1)));
    const row = (values: readonly number[]) =>
      this.cast(this.constant(tensor(Int32Array.from(values))), indices.dtype);
    const [limits, steps] = [row(sizes), row(strides)];
    const from = this.where(this.less(indices, 0), this.add(indices, limits), indices);
    const inside = this.logicalAnd(this.greaterEqual(from, 0), this.less(from, limits));
    const flat = this.sum(this.mul(from, steps), -1);
    return { depth, sizes, flat: this.where(this.all(inside, -1), flat, -1) };
  }
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total * size, 1);
}

function knownSizes(op: string, dims: Node['shape']): number[] {
  return dims.map((dim) => {
    if (dim !== null) return dim;
    throw new EngineError('shape_mismatch', op, 'the batch is no axis whose places have numbers');
  });
}
