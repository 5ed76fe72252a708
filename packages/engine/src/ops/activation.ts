import type { Node } from '../node.ts';
import { EinsumOps } from './einsum.ts';

// Klambauer et al., 2017: what makes mean 0 and variance 1 a fixed point.
const seluAlpha = 1.6732632423543772;
const seluScale = 1.0507009873554805;

/** Activations that are composed of others. */
export class ActivationOps extends EinsumOps {
  /** x where it is above 0, slope * x elsewhere; the slope is learned, one a channel [C] or one alone (He et al., 2015). */
  prelu(x: Node, slope: Node): Node {
    return this.where(this.greater(x, 0), x, this.mul(x, slope));
  }
  /** The self-normalising scale * elu(x, alpha) (Klambauer et al., 2017). */
  selu(x: Node): Node {
    return this.mul(this.elu(x, seluAlpha), seluScale);
  }
  /** x * tanh(softplus(x)) (Misra, 2019). */
  mish(x: Node): Node {
    return this.mul(x, this.tanh(this.softplus(x)));
  }
  /** x / (1 + |x|). */
  softsign(x: Node): Node {
    return this.div(x, this.add(this.abs(x), 1));
  }
}
