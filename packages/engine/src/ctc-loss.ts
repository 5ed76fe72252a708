import type { LossOptions } from './losses.ts';
import type { Node } from './node.ts';

export interface CtcOptions extends LossOptions {
  /** Integers [N]: how many steps of each row count; all of them unless told. */
  stepCounts?: Node;
  /** Integers [N]: how many labels of each row count; all of them unless told. */
  labelCounts?: Node;
  /** The class that stands for no label; 0 by default, as PyTorch (the last one in Keras). */
  blank?: number;
  /** A row whose labels do not fit its steps has an infinite loss; counts as 0 with this. */
  zeroInfinity?: boolean;
}

/**
 * Connectionist temporal classification (Graves et al., 2006): logits [N, T, K] of steps, integer labels [N, S] that lie
 * along them in any way, with blanks and repetitions between. The mean over rows of minus the logarithm of how likely the
 * labels are.
 */
export function ctc(logits: Node, labels: Node, options: CtcOptions = {}): Node {
  const g = logits.graph;
  const first = g.slice(labels, [0, 0], [-1, 1]);
  const one = g.sum(g.onesLike(first), 1);
  const steps = options.stepCounts ?? g.mul(one, Number(logits.shape[1]));
  const counts = options.labelCounts ?? g.mul(one, Number(labels.shape[1]));
  const inputs = [g.logSoftmax(logits), labels, steps, counts];
  const loss = g.emit('ctc_loss', inputs, { blank: options.blank ?? 0 });
  const finite = options.zeroInfinity ? g.where(g.isFinite(loss), loss, 0) : loss;
  return g.mean(options.sampleWeights ? g.mul(finite, options.sampleWeights) : finite);
}
