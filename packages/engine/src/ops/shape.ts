import type { Node } from '../node.ts';
import type { Dim } from '../tensor.ts';
import { ReductionOps } from './reduction.ts';

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
  /** A size of -1 goes to the end. */
  slice(x: Node, begin: readonly number[], size: readonly number[]): Node {
    return this.emit('slice', [x], { begin, size });
  }
  /** [N, ...] -> [N, everything else]. */
  flatten(x: Node): Node {
    return this.reshape(x, [0, -1]);
  }
  oneHot(indices: Node, depth: number): Node {
    return this.emit('one_hot', [indices], { depth });
  }
}
