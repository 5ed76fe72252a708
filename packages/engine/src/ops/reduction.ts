import type { Attributes } from '../native.ts';
import type { Node } from '../node.ts';
import { ElementwiseOps } from './elementwise.ts';

export type Axes = number | readonly number[];

/** Reductions; without axes over all of them. */
export class ReductionOps extends ElementwiseOps {
  sum(x: Node, axes?: Axes, keepDims = false): Node {
    return this.#reduce('sum', x, axes, keepDims);
  }
  mean(x: Node, axes?: Axes, keepDims = false): Node {
    return this.#reduce('mean', x, axes, keepDims);
  }
  max(x: Node, axes?: Axes, keepDims = false): Node {
    return this.#reduce('max', x, axes, keepDims);
  }
  min(x: Node, axes?: Axes, keepDims = false): Node {
    return this.#reduce('min', x, axes, keepDims);
  }
  /** The product; its gradient is right where factors are 0 as well. */
  prod(x: Node, axes?: Axes, keepDims = false): Node {
    return this.#reduce('prod', x, axes, keepDims);
  }
  /** Of bool. */
  any(x: Node, axes?: Axes, keepDims = false): Node {
    return this.#reduce('any', x, axes, keepDims);
  }
  /** Of bool. */
  all(x: Node, axes?: Axes, keepDims = false): Node {
    return this.#reduce('all', x, axes, keepDims);
  }
  /** log(sum(exp(x))), safe for large values. */
  logSumExp(x: Node, axes?: Axes, keepDims = false): Node {
    return this.#reduce('log_sum_exp', x, axes, keepDims);
  }
  /** The mean squared distance from the mean; the sum is divided by n - correction. */
  variance(x: Node, axes?: Axes, options: { keepDims?: boolean; correction?: number } = {}): Node {
    const correction = options.correction ?? 0;
    return this.#reduce('variance', x, axes, options.keepDims ?? false, { correction });
  }
  /** The square root of the variance. */
  std(x: Node, axes?: Axes, options: { keepDims?: boolean; correction?: number } = {}): Node {
    return this.sqrt(this.variance(x, axes, options));
  }
  /** Running sums along an axis: `exclusive` without the element itself, `reverse` from the back. */
  cumsum(x: Node, axis = -1, options: { exclusive?: boolean; reverse?: boolean } = {}): Node {
    return this.emit('cumsum', [x], {
      axis,
      exclusive: options.exclusive ?? false,
      reverse: options.reverse ?? false,
    });
  }
  /** The k greatest of each row, greatest first, and their places as i32. */
  topK(x: Node, k: number): { values: Node; indices: Node } {
    const [values, indices] = this.emitAll('top_k', [x], { k }) as [Node, Node];
    return { values, indices };
  }
  /** The first of equal minima, as i32. */
  argmin(x: Node, axis = -1): Node {
    return this.emit('argmin', [x], { axis });
  }
  /** The first of equal maxima, as i32. */
  argmax(x: Node, axis = -1): Node {
    return this.emit('argmax', [x], { axis });
  }

  #reduce(
    op: string,
    x: Node,
    axes: Axes | undefined,
    keepDims: boolean,
    more: Attributes = {},
  ): Node {
    const list = axes === undefined ? [] : typeof axes === 'number' ? [axes] : axes;
    return this.emit(op, [x], { axes: list, keepDims, ...more });
  }
}
