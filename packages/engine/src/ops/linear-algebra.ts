import { EngineError } from '../engine-error.ts';
import type { Node } from '../node.ts';
import { tensor } from '../tensor.ts';
import { VolumeOps } from './volume.ts';

/** Batches of matrices [..., M, N], worked on in double precision inside. */
export class LinearAlgebraOps extends VolumeOps {
  /** The lower l with l l^T = a, of symmetric positive definite a [..., N, N]; anything else is an error when it is met. */
  cholesky(a: Node): Node {
    return this.emit('cholesky', [a]);
  }

  /** The x with a x = b, or a^T x = b, of a triangular a [..., N, N] and b [..., N, K]; the other triangle is not read. */
  triangularSolve(a: Node, b: Node, options: { lower?: boolean; transpose?: boolean } = {}): Node {
    const { lower = true, transpose = false } = options;
    return this.emit('triangular_solve', [a, b], { lower, transpose });
  }

  /** The x with a x = b, or a^T x = b: a [..., N, N], b [..., N, K]. A singular matrix is an error when it is met. */
  solve(a: Node, b: Node, options: { transpose?: boolean } = {}): Node {
    return this.emit('solve', [a, b], { transpose: options.transpose ?? false });
  }

  /** [..., N, N] -> [..., N, N]; a product with an inverse is better made by solve. */
  inverse(a: Node): Node {
    return this.solve(a, this.#identityLike('inverse', a));
  }

  /** The sign of the determinant and the logarithm of its absolute value: [..., N, N] -> [...] each. */
  logDeterminant(a: Node): { sign: Node; log: Node } {
    const [sign, log] = this.emitAll('log_determinant', [a]) as [Node, Node];
    return { sign, log };
  }

  /** [..., N, N] -> [...]. Its gradient is that of a matrix that can be inverted. */
  determinant(a: Node): Node {
    const { sign, log } = this.logDeterminant(a);
    return this.mul(sign, this.exp(log));
  }

  /** a = q r for a [..., M, N], M >= N: q [..., M, N] with orthonormal columns, r [..., N, N] upper, its diagonal positive. */
  qr(a: Node): { q: Node; r: Node } {
    const [q, r] = this.emitAll('qr', [a]) as [Node, Node];
    return { q, r };
  }

  /**
   * a = u diag(s) v^T for a [..., M, N], K being the smaller of M and N: u [..., M, K], s [..., K] greatest first,
   * v [..., N, K]. The gradient counts what equal singular values would turn into each other as nothing.
   */
  svd(a: Node): { u: Node; s: Node; v: Node } {
    const [rows, columns] = [a.shape.at(-2), a.shape.at(-1)];
    const wide = typeof rows === 'number' && typeof columns === 'number' && rows < columns;
    const tall = wide ? this.#transposed(a) : a;
    const [u, s, v] = this.emitAll('svd', [tall]) as [Node, Node, Node];
    return wide ? { u: v, s, v: u } : { u, s, v };
  }

  /** Of symmetric matrices a [..., N, N]: the eigenvalues [..., N], smallest first, and the vectors in columns. */
  symmetricEigen(a: Node): { values: Node; vectors: Node } {
    const [values, vectors] = this.emitAll('symmetric_eigen', [a]) as [Node, Node];
    return { values, vectors };
  }

  #transposed(a: Node): Node {
    const axes = a.shape.map((_, axis) => axis);
    const [last, before] = [axes.pop() as number, axes.pop() as number];
    return this.transpose(a, [...axes, last, before]);
  }

  #identityLike(op: string, a: Node): Node {
    const size = a.shape.at(-1);
    if (typeof size !== 'number' || a.shape.at(-2) !== size) {
      const text = `takes square matrices [..., N, N], not [${a.shape.join(', ')}]`;
      throw new EngineError('shape_mismatch', op, text);
    }
    const unit = Float32Array.from({ length: size * size }, (_, i) =>
      i % (size + 1) === 0 ? 1 : 0,
    );
    return this.add(this.zerosLike(a), this.constant(tensor(unit, [size, size])));
  }
}
