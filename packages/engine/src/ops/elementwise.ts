import type { Operand } from '../graph-core.ts';
import { GraphCore } from '../graph-core.ts';
import type { Node } from '../node.ts';
import type { DType } from '../tensor.ts';

/** Elementwise operations, with NumPy's broadcasting. */
export class ElementwiseOps extends GraphCore {
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
  logicalNot(x: Node): Node {
    return this.emit('logical_not', [x]);
  }
  where(condition: Node, a: Operand, b: Operand): Node {
    return this.emit('where', [condition, this.operand(a), this.operand(b)]);
  }
  cast(x: Node, dtype: DType): Node {
    return this.emit('cast', [x], { dtype });
  }
  /** The same value, through which no gradient flows. */
  stopGradient(x: Node): Node {
    return this.emit('stop_gradient', [x]);
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
  gelu(x: Node): Node {
    return this.emit('gelu', [x]);
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
    return this.emit(op, [this.operand(a), this.operand(b)]);
  }
}
