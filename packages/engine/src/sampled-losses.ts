import { EngineError } from './engine-error.ts';
import type { LossOptions } from './losses.ts';
import type { Node } from './node.ts';
import { tensor } from './tensor.ts';

/**
 * Rows of anchors, of what should lie near them and of what should not, all [N, D]: the mean of
 * max(|a - p| - |a - n| + margin, 0) (Schroff et al., 2015). As PyTorch's TripletMarginLoss.
 */
export function tripletMargin(
  anchor: Node,
  positive: Node,
  negative: Node,
  options: LossOptions & { margin?: number } = {},
): Node {
  const g = anchor.graph;
  for (const other of [positive, negative]) {
    const same = anchor.shape.every((dim, axis) => dim === other.shape[axis]);
    if (same && anchor.shape.length === other.shape.length) continue;
    throw new EngineError(
      'shape_mismatch',
      'tripletMargin',
      `anchors of [${anchor.shape.join(', ')}] do not go with [${other.shape.join(', ')}]`,
    );
  }
  const near = g.norm(g.sub(anchor, positive), 2, -1);
  const far = g.norm(g.sub(anchor, negative), 2, -1);
  const loss = g.relu(g.add(g.sub(near, far), options.margin ?? 1));
  return g.mean(options.sampleWeights ? g.mul(loss, options.sampleWeights) : loss);
}

export interface SampledSoftmaxOptions extends LossOptions {
  /** How often each class is drawn, up to a factor: its frequency, as a rule. */
  weights: readonly number[];
  /** How many classes are drawn for each row. */
  samples: number;
}

/**
 * The cross-entropy of labels [N] among very many classes, against a few that are drawn for each row: x [N, D],
 * weight [V, D], bias [V]. The logit of a drawn class is lowered by the logarithm of how often it is expected among them,
 * so that their sum stands for that over all other classes, the better the more are drawn (Bengio and Senecal, 2008); a
 * drawn class that is the label itself counts nothing. The gradient of the table is sparse. TensorFlow lowers the logit
 * of the label as well.
 */
export function sampledSoftmax(
  x: Node,
  table: { weight: Node; bias?: Node },
  labels: Node,
  options: SampledSoftmaxOptions,
): Node {
  const g = x.graph;
  const { weights, samples } = options;
  const classes = table.weight.shape[0];
  if (weights.length !== classes || !Number.isSafeInteger(samples) || samples < 1) {
    throw new EngineError(
      'invalid_attribute',
      'sampledSoftmax',
      `takes a weight for each of ${classes} classes, not ${weights.length}, and at least one sample, not ${samples}`,
    );
  }
  const right = g.expandDims(g.cast(labels, 'i32'), -1);
  const drawn = g.sampleIndices(labels, weights, samples);
  // [N, 1 + samples, D] by [N, D, 1]
  const all = g.concat([right, drawn], 1);
  const rows = g.gather(table.weight, all);
  const scores = g.squeeze(g.matmul(rows, g.expandDims(x, -1)), -1);
  const logits = table.bias ? g.add(scores, column(table.bias, all)) : scores;
  const label = g.slice(logits, [0, 0], [-1, 1]);
  const others = g.slice(logits, [0, 1], [-1, -1]);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const expected = weights.map((weight) => Math.log((Math.max(weight, 1e-30) / total) * samples));
  const lowered = g.sub(others, column(g.constant(tensor(expected)), drawn));
  const masked = g.where(g.equal(drawn, right), -1e9, lowered);
  const loss = g.sub(g.logSumExp(g.concat([label, masked], 1), -1), g.squeeze(label, 1));
  return g.mean(options.sampleWeights ? g.mul(loss, options.sampleWeights) : loss);
}

/** The elements [V] that indices [N, K] name. */
function column(values: Node, indices: Node): Node {
  const g = values.graph;
  return g.squeeze(g.gather(g.expandDims(values, -1), indices), -1);
}
