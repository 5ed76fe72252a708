import { EngineError } from '../engine-error.ts';
import type { Node } from '../node.ts';
import { ActivationOps } from './activation.ts';
import type { Axes } from './reduction.ts';

export interface LocalResponseOptions {
  /** How many channels, the own one among them, are looked at: (size - 1) / 2 on each side, the larger half behind. */
  size: number;
  /** Of the mean of the squares; TensorFlow's alpha is of their sum, so divided by the size. */
  alpha?: number;
  beta?: number;
  bias?: number;
}

/** Norms, and normalisations that are composed of others. */
export class NormOps extends ActivationOps {
  /**
   * The length of vectors over some axes, or over all of them: sum(|x|^order)^(1 / order), or the greatest |x| for an order
   * of Infinity. The gradient at a vector of zeros is 0.
   */
  norm(x: Node, order = 2, axes?: Axes, keepDims = false): Node {
    if (!(order > 0)) {
      throw new EngineError('invalid_attribute', 'norm', `the order must be above 0, not ${order}`);
    }
    if (order === Number.POSITIVE_INFINITY) return this.max(this.abs(x), axes, keepDims);
    if (order === 1) return this.sum(this.abs(x), axes, keepDims);
    // The root of 0 and its slope are kept out of both ways: 0 * infinity would be no number.
    const powers = order === 2 ? this.square(x) : this.#power(this.abs(x), order);
    const total = this.sum(powers, axes, keepDims);
    const empty = this.equal(total, 0);
    const safe = this.where(empty, 1, total);
    const root = order === 2 ? this.sqrt(safe) : this.pow(safe, 1 / order);
    return this.where(empty, 0, root);
  }

  /** Each picture and channel by itself over its places: x [N, ..., C], scale and shift [C] (Ulyanov et al., 2016). */
  instanceNorm(x: Node, scale: Node, shift: Node, options: { epsilon?: number } = {}): Node {
    const channels = x.shape.at(-1);
    if (typeof channels !== 'number' || x.shape.length < 3) {
      const text = `takes [N, ..., C] with places between, not [${x.shape.join(', ')}]`;
      throw new EngineError('shape_mismatch', 'instanceNorm', text);
    }
    return this.groupNorm(x, scale, shift, { groups: channels, epsilon: options.epsilon });
  }

  /** x / sqrt(mean(x^2) + epsilon) * scale over the last axis: x [..., C], scale [C] (Zhang and Sennrich, 2019). */
  rmsNorm(x: Node, scale: Node, options: { epsilon?: number } = {}): Node {
    const square = this.mean(this.square(x), -1, true);
    return this.mul(this.mul(x, this.rsqrt(this.add(square, options.epsilon ?? 1e-6))), scale);
  }

  /**
   * x / (bias + alpha * m)^beta, m being the mean of the squares of the `size` channels around each one, where channels
   * beyond the last count as 0: x [..., C] (Krizhevsky et al., 2012). As PyTorch and ONNX.
   */
  localResponseNorm(x: Node, options: LocalResponseOptions): Node {
    const { size, alpha = 1e-4, beta = 0.75, bias = 1 } = options;
    const channels = x.shape.at(-1);
    if (!Number.isSafeInteger(size) || size < 1 || typeof channels !== 'number') {
      const text = `the size must be a whole number of at least 1, not ${size}`;
      throw new EngineError('invalid_attribute', 'localResponseNorm', text);
    }
    const before = Math.min(Math.floor((size - 1) / 2), channels - 1);
    const after = Math.min(Math.ceil((size - 1) / 2), channels - 1);
    const others = x.shape.slice(1).map(() => [0, 0] as const);
    const squares = this.pad(this.square(x), [...others, [before, after]]);
    const shifted = Array.from({ length: before + after + 1 }, (_, at) =>
      this.stridedSlice(squares, [...others.map(() => null), [at, at + channels]]),
    );
    const total = shifted.reduce((sum, next) => this.add(sum, next));
    const base = this.add(this.mul(total, alpha / size), bias);
    return this.mul(x, this.pow(base, -beta));
  }

  // |x|^order with a slope of 0 at 0, where order * 0^(order - 1) may be infinite.
  #power(x: Node, order: number): Node {
    const zero = this.equal(x, 0);
    return this.where(zero, 0, this.pow(this.where(zero, 1, x), order));
  }
}
