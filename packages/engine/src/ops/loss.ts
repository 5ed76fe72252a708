import { EngineError } from '../engine-error.ts';
import type { Node } from '../node.ts';
import { SequenceOps } from './sequence.ts';

/** Losses by row or by element; `losses` takes their means. */
export class LossOps extends SequenceOps {
  /** logits [N, K], integer labels [N], one weight a class [K] -> the loss of each row [N]. */
  softmaxCrossEntropy(logits: Node, labels: Node, classWeights?: Node): Node {
    return this.emit(
      'softmax_cross_entropy',
      classWeights ? [logits, labels, classWeights] : [logits, labels],
    );
  }
  /** logits and targets [..., K], targets that sum to 1 in each row -> the loss of each row [...]. */
  softCrossEntropy(logits: Node, targets: Node, classWeights?: Node): Node {
    const weighted = classWeights ? this.mul(targets, classWeights) : targets;
    return this.neg(this.sum(this.mul(weighted, this.logSoftmax(logits)), -1));
  }
  /** Elementwise; written so that large logits lose nothing. */
  sigmoidCrossEntropy(logits: Node, targets: Node): Node {
    return this.sub(this.softplus(logits), this.mul(logits, targets));
  }
  /** Elementwise squared error. */
  mse(prediction: Node, target: Node): Node {
    return this.square(this.sub(prediction, target));
  }
  /** Elementwise absolute error. */
  mae(prediction: Node, target: Node): Node {
    return this.abs(this.sub(prediction, target));
  }
  /** Elementwise: squared below delta, linear beyond (Huber, 1964). */
  huber(prediction: Node, target: Node, delta = 1): Node {
    if (!(delta > 0)) {
      throw new EngineError('invalid_attribute', 'huber', 'delta must be above 0');
    }
    const error = this.abs(this.sub(prediction, target));
    const near = this.mul(this.square(error), 0.5);
    const far = this.sub(this.mul(error, delta), 0.5 * delta * delta);
    return this.where(this.lessEqual(error, delta), near, far);
  }
  /** Elementwise log(cosh(error)), safe for large errors. */
  logCosh(prediction: Node, target: Node): Node {
    const error = this.sub(prediction, target);
    return this.sub(this.add(error, this.softplus(this.mul(error, -2))), Math.LN2);
  }
  /** Elementwise, for counts: prediction - target * log(prediction). */
  poisson(prediction: Node, target: Node): Node {
    return this.sub(prediction, this.mul(target, this.log(this.add(prediction, 1e-7))));
  }
  /** The cosine of the angle between rows [..., K] -> [...]. */
  cosine(a: Node, b: Node): Node {
    const length = (x: Node) => this.rsqrt(this.maximum(this.sum(this.square(x), -1), 1e-12));
    return this.mul(this.sum(this.mul(a, b), -1), this.mul(length(a), length(b)));
  }
}
