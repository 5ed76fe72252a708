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
  /** Elementwise; written so that large logits lose nothing. */
  sigmoidCrossEntropy(logits: Node, targets: Node): Node {
    return this.sub(this.softplus(logits), this.mul(logits, targets));
  }
  /** Elementwise squared error. */
  mse(prediction: Node, target: Node): Node {
    return this.square(this.sub(prediction, target));
  }
}
