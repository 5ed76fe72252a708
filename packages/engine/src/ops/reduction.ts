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
  /** The first of equal maxima, as i32. */
  argmax(x: Node, axis = -1): Node {
    return this.emit('argmax', [x], { axis });
  }

  #reduce(op: string, x: Node, axes: Axes | undefined, keepDims: boolean): Node {
    const list = axes === undefined ? [] : typeof axes === 'number' ? [axes] : axes;
    return this.emit(op, [x], { axes: list, keepDims });
  }
}
