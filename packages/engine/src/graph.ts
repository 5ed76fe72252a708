import { EngineError } from './engine-error.ts';
import type { Operand } from './graph-core.ts';
import { GraphCore } from './graph-core.ts';
import type { Node } from './node.ts';
import type { Dim, DType } from './tensor.ts';

export type Padding =
  | 'same'
  | 'valid'
  | readonly [top: number, bottom: number, left: number, right: number];
export type Pair = number | readonly [number, number];
export interface ConvOptions {
  stride?: Pair;
  padding?: Padding;
  groups?: number;
  dilation?: Pair;
}
export interface PoolOptions {
  size: Pair;
  /** Defaults to the size. */
  stride?: Pair;
  padding?: Padding;
}

type Axes = number | readonly number[];

/** A deferred dataflow graph: methods append operations and give their results. */
export class Graph extends GraphCore {
  static fromJSON(json: unknown): Graph {
    return Graph.load(json).graph;
  }

  /** Like fromJSON, with the outputs that the JSON names. */
  static load(json: unknown): { graph: Graph; outputs: Node[] } {
    const graph = new Graph();
    return { graph, outputs: graph.load(json) };
  }

  // Elementwise, with NumPy's broadcasting.
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

  // Reductions; without axes over all of them.
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

  // Shapes.
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

  // Linear algebra and networks.
  matmul(a: Node, b: Node, options: { transposeA?: boolean; transposeB?: boolean } = {}): Node {
    return this.emit('matmul', [a, b], {
      transposeA: options.transposeA ?? false,
      transposeB: options.transposeB ?? false,
    });
  }
  /** x [N, I] by weight [I, O], plus a bias [O]. */
  dense(x: Node, weight: Node, bias?: Node): Node {
    return this.emit('dense', bias ? [x, weight, bias] : [x, weight]);
  }
  /** x [N, H, W, C], kernel [KH, KW, C / groups, O], bias [O] -> [N, OH, OW, O]. */
  conv2d(x: Node, kernel: Node, bias?: Node, options: ConvOptions = {}): Node {
    return this.emit('conv2d', bias ? [x, kernel, bias] : [x, kernel], {
      ...windowAttributes(options.padding ?? 'valid'),
      stride: pair(options.stride ?? 1),
      dilation: pair(options.dilation ?? 1),
      groups: options.groups ?? 1,
    });
  }
  maxPool2d(x: Node, options: PoolOptions): Node {
    return this.emit('max_pool2d', [x], poolAttributes(options));
  }
  /** The mean of what lies inside the picture: padding is not counted. */
  avgPool2d(x: Node, options: PoolOptions): Node {
    return this.emit('avg_pool2d', [x], poolAttributes(options));
  }
  /** [N, H, W, C] -> [N, C]. */
  globalAvgPool2d(x: Node): Node {
    return this.mean(x, [1, 2]);
  }
  globalMaxPool2d(x: Node): Node {
    return this.max(x, [1, 2]);
  }
  /** Normalises with given statistics, as in inference; nn.batchNorm does it in training. */
  batchNorm(
    x: Node,
    scale: Node,
    shift: Node,
    mean: Node,
    variance: Node,
    options: { epsilon?: number } = {},
  ): Node {
    const factor = this.mul(scale, this.rsqrt(this.add(variance, options.epsilon ?? 1e-3)));
    return this.add(this.mul(this.sub(x, mean), factor), shift);
  }
  /** Zeroes a share of x and scales the rest; which elements is a function of seed, step and place. */
  dropout(x: Node, rate: number): Node {
    return this.emit('dropout', [x], { rate, seed: this.seed, salt: this.nextSalt() });
  }
  /** Embedding lookup: table [V, ...], indices [...] -> [..., ...]. */
  gather(table: Node, indices: Node): Node {
    return this.emit('gather', [table, indices]);
  }
  oneHot(indices: Node, depth: number): Node {
    return this.emit('one_hot', [indices], { depth });
  }
  /** Over the last axis. */
  softmax(x: Node): Node {
    return this.emit('softmax', [x]);
  }
  logSoftmax(x: Node): Node {
    return this.emit('log_softmax', [x]);
  }
  /** logits [N, K], integer labels [N], one weight a class [K] -> the loss of each row [N]. */
  softmaxCrossEntropy(logits: Node, labels: Node, classWeights?: Node): Node {
    return this.emit(
      'softmax_cross_entropy',
      classWeights ? [logits, labels, classWeights] : [logits, labels],
    );
  }
  /** Elementwise; written so that large logits lose nothing. */
  sigmoidCrossEntropy(logits: Node, targets: Node): Node {
    return this.sub(this.softplus(logits), this.mul(logits, targets));
  }
  /** Elementwise squared error. */
  mse(prediction: Node, target: Node): Node {
    return this.square(this.sub(prediction, target));
  }

  #binary(op: string, a: Operand, b: Operand): Node {
    return this.emit(op, [this.operand(a), this.operand(b)]);
  }
  #reduce(op: string, x: Node, axes: Axes | undefined, keepDims: boolean): Node {
    const list = axes === undefined ? [] : typeof axes === 'number' ? [axes] : axes;
    return this.emit(op, [x], { axes: list, keepDims });
  }
}

function pair(value: Pair): readonly number[] {
  return typeof value === 'number' ? [value, value] : value;
}

function windowAttributes(padding: Padding): { padding: string; pads: readonly number[] } {
  if (typeof padding === 'string') return { padding, pads: [] };
  if (padding.length !== 4) {
    throw new EngineError(
      'invalid_attribute',
      'padding',
      'explicit padding is [top, bottom, left, right]',
    );
  }
  return { padding: 'explicit', pads: padding };
}

function poolAttributes(options: PoolOptions) {
  return {
    ...windowAttributes(options.padding ?? 'valid'),
    size: pair(options.size),
    stride: pair(options.stride ?? options.size),
  };
}
