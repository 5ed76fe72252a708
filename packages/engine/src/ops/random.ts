import type { Node } from '../node.ts';
import { NetworkOps } from './network.ts';

/** Random numbers: a function of the graph's seed, the step, and where they are drawn. */
export class RandomOps extends NetworkOps {
  /** Zeroes a share of x and scales the rest; which elements is a function of seed, step and place. */
  dropout(x: Node, rate: number): Node {
    return this.emit('dropout', [x], { rate, seed: this.seed, salt: this.nextSalt() });
  }
}
