import type { Node } from '../node.ts';
import { NetworkOps } from './network.ts';

/** A known shape, or a tensor to draw one like it (the batch). */
export type ShapeOrLike = readonly number[] | Node;

/**
 * Random numbers: a function of the graph's seed, the step, and where they are drawn, so the same on any machine and with
 * any number of threads. No gradient flows through them.
 */
export class RandomOps extends NetworkOps {
  /** Zeroes a share of x and scales the rest; which elements is a function of seed, step and place. */
  dropout(x: Node, rate: number): Node {
    return this.emit('dropout', [x], { rate, seed: this.seed, salt: this.nextSalt() });
  }
  /** Evenly distributed from low (0) to high (1). */
  randomUniform(shape: ShapeOrLike, options: { low?: number; high?: number } = {}): Node {
    return this.#draw('random_uniform', shape, { low: options.low ?? 0, high: options.high ?? 1 });
  }
  randomNormal(shape: ShapeOrLike, options: { mean?: number; deviation?: number } = {}): Node {
    return this.#draw('random_normal', shape, {
      mean: options.mean ?? 0,
      deviation: options.deviation ?? 1,
    });
  }
  /** Normally distributed within two deviations of the mean. */
  randomTruncatedNormal(
    shape: ShapeOrLike,
    options: { mean?: number; deviation?: number } = {},
  ): Node {
    return this.#draw('random_truncated_normal', shape, {
      mean: options.mean ?? 0,
      deviation: options.deviation ?? 1,
    });
  }
  /** True with a probability, as bool. */
  randomBernoulli(shape: ShapeOrLike, probability = 0.5): Node {
    return this.#draw('random_bernoulli', shape, { probability });
  }

  #draw(op: string, shape: ShapeOrLike, attributes: Record<string, number>): Node {
    const drawn = { ...attributes, seed: this.seed, salt: this.nextSalt() };
    return 'graph' in shape
      ? this.emit(op, [shape], drawn)
      : this.emit(op, [], { ...drawn, shape });
  }
}
