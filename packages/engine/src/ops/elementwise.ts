import type { Operand } from '../graph-core.ts';
import type { Node } from '../node.ts';
import type { DType } from '../tensor.ts';
import { GradientOps } from './gradient.ts';

/** Elementwise operations, with NumPy's broadcasting. */
export class ElementwiseOps extends GradientOps {
  add(a: Operand, b: Operand): Node {
    return this.#binary('add', a, b);
  }
  sub(a: Operand, b: Operand): Node {
    return this.#binary('sub', a, b);
  }
  mul(a: Operand, b: Operand): Node {
    return this.#binary('mul', a, b);
  }
  div(a: Operand, b: Operand): Node {
    return this.#binary('div', a, b);
  }
  /** The remainder with the sign of b, as Python's and NumPy's %. */
  mod(a: Operand, b: Operand): Node {
    return this.#binary('floor_mod', a, b);
  }
  pow(a: Operand, b: Operand): Node {
    return this.#binary('pow', a, b);
  }
  maximum(a: Operand, b: Operand): Node {
    return this.#binary('maximum', a, b);
  }
  minimum(a: Operand, b: Operand): Node {
    return this.#binary('minimum', a, b);
  }
  equal(a: Operand, b: Operand): Node {
    return this.#binary('equal', a, b);
  }
  notEqual(a: Operand, b: Operand): Node {
    return this.#binary('not_equal', a, b);
  }
  less(a: Operand, b: Operand): Node {
    return this.#binary('less', a, b);
  }
  lessEqual(a: Operand, b: Operand): Node {
    return this.#binary('less_equal', a, b);
  }
  greater(a: Operand, b: Operand): Node {
    return this.#binary('greater', a, b);
  }
  greaterEqual(a: Operand, b: Operand): Node {
    return this.#binary('greater_equal', a, b);
  }
  logicalAnd(a: Node, b: Node): Node {
    return this.#binary('logical_and', a, b);
  }
  logicalOr(a: Node, b: Node): Node {
    return this.#binary('logical_or', a, b);
  }
  logicalXor(a: Node, b: Node): Node {
    return this.#binary('logical_xor', a, b);
  }
  logicalNot(x: Node): Node {
    return this.emit('logical_not', [x]);
  }
  where(condition: Node, a: Operand, b: Operand): Node {
    return this.emit('where', [condition, ...this.#pair('where', a, b)]);
  }
  cast(x: Node, dtype: DType): Node {
    return this.emit('cast', [x], { dtype });
  }
  neg(x: Node): Node {
    return this.emit('neg', [x]);
  }
  exp(x: Node): Node {
    return this.emit('exp', [x]);
  }
  log(x: Node): Node {
    return this.emit('log', [x]);
  }
  sqrt(x: Node): Node {
    return this.emit('sqrt', [x]);
  }
  rsqrt(x: Node): Node {
    return this.emit('rsqrt', [x]);
  }
  square(x: Node): Node {
    return this.emit('square', [x]);
  }
  abs(x: Node): Node {
    return this.emit('abs', [x]);
  }
  sign(x: Node): Node {
    return this.emit('sign', [x]);
  }
  floor(x: Node): Node {
    return this.emit('floor', [x]);
  }
  erf(x: Node): Node {
    return this.emit('erf', [x]);
  }
  tanh(x: Node): Node {
    return this.emit('tanh', [x]);
  }
  sigmoid(x: Node): Node {
    return this.emit('sigmoid', [x]);
  }
  relu(x: Node): Node {
    return this.emit('relu', [x]);
  }
  reciprocal(x: Node): Node {
    return this.emit('reciprocal', [x]);
  }
  /** log(1 + x), exact near 0. */
  log1p(x: Node): Node {
    return this.emit('log1p', [x]);
  }
  /** exp(x) - 1, exact near 0. */
  expm1(x: Node): Node {
    return this.emit('expm1', [x]);
  }
  sin(x: Node): Node {
    return this.emit('sin', [x]);
  }
  cos(x: Node): Node {
    return this.emit('cos', [x]);
  }
  tan(x: Node): Node {
    return this.emit('tan', [x]);
  }
  ceil(x: Node): Node {
    return this.emit('ceil', [x]);
  }
  /** Without what is behind the point. */
  trunc(x: Node): Node {
    return this.emit('trunc', [x]);
  }
  /** The nearest number of bfloat16 (eight significant bits); the gradient passes straight through. */
  roundBf16(x: Node): Node {
    return this.emit('round_bf16', [x]);
  }
  relu6(x: Node): Node {
    return this.emit('relu6', [x]);
  }
  /** relu6(x + 3) / 6. */
  hardSigmoid(x: Node): Node {
    return this.emit('hard_sigmoid', [x]);
  }
  /** x * relu6(x + 3) / 6. */
  hardSwish(x: Node): Node {
    return this.emit('hard_swish', [x]);
  }
  isNan(x: Node): Node {
    return this.emit('is_nan', [x]);
  }
  isFinite(x: Node): Node {
    return this.emit('is_finite', [x]);
  }
  /** Halves go to the even neighbour. */
  round(x: Node): Node {
    return this.emit('round', [x]);
  }
  /** With the error function, or its approximation by tanh. */
  gelu(x: Node, options: { approximate?: boolean } = {}): Node {
    return this.emit(options.approximate ? 'gelu_tanh' : 'gelu', [x]);
  }
  silu(x: Node): Node {
    return this.emit('silu', [x]);
  }
  softplus(x: Node): Node {
    return this.emit('softplus', [x]);
  }
  leakyRelu(x: Node, slope = 0.01): Node {
    return this.emit('leaky_relu', [x], { slope });
  }
  elu(x: Node, alpha = 1): Node {
    return this.emit('elu', [x], { alpha });
  }
  clamp(x: Node, low: number, high: number): Node {
    return this.emit('clamp', [x], { low, high });
  }

  #binary(op: string, a: Operand, b: Operand): Node {
    return this.emit(op, this.#pair(op, a, b));
  }

  // A number takes the dtype of what it meets.
  #pair(op: string, a: Operand, b: Operand): [Node, Node] {
    if (typeof a !== 'number' && typeof b === 'number') return [a, this.constantOf(b, a.dtype, op)];
    if (typeof a === 'number' && typeof b !== 'number') return [this.constantOf(a, b.dtype, op), b];
    return [this.operand(a), this.operand(b)];
  }
}
