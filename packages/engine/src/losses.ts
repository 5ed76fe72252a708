import { EngineError } from './engine-error.ts';
import type { Node } from './node.ts';
import { tensor } from './tensor.ts';

export type { CtcOptions } from './ctc-loss.ts';
export { ctc } from './ctc-loss.ts';
export type { SampledSoftmaxOptions } from './sampled-losses.ts';
export { sampledSoftmax, tripletMargin } from './sampled-losses.ts';

/** The weight of each row [N] (or of each element); the sum of weighted losses is divided by their number. */
export interface LossOptions {
  sampleWeights?: Node;
}
export interface CrossEntropyOptions extends LossOptions {
  /** Rows count by the weight of their class. */
  classWeights?: readonly number[];
  /** The share of each target that is spread evenly over all classes (Szegedy et al., 2016). */
  labelSmoothing?: number;
}

// Below this a probability is not looked at: its logarithm would be no number.
const tiny = 1e-7;

/** Logits [N, K], integer labels [N]. Keras: SparseCategoricalCrossentropy(from_logits=True). */
export function softmaxCrossEntropy(
  logits: Node,
  labels: Node,
  options: CrossEntropyOptions = {},
): Node {
  const g = logits.graph;
  const weights = options.classWeights ? g.constant(tensor(options.classWeights)) : undefined;
  const hard = g.softmaxCrossEntropy(logits, labels, weights);
  const share = smoothing(options);
  if (share === 0) return reduced(hard, options);
  // The even part of the target: the mean of -log(p) over the classes, each by its weight.
  const even = g.neg(g.logSoftmax(logits));
  const mean = g.mean(weights ? g.mul(even, weights) : even, -1);
  return reduced(g.add(g.mul(hard, 1 - share), g.mul(mean, share)), options);
}
export const sparseCategoricalCrossentropy = softmaxCrossEntropy;

/** Predictions and targets [N, K], targets of each row summing to 1; logits, or probabilities with fromLogits: false. */
export function categoricalCrossentropy(
  prediction: Node,
  targets: Node,
  options: CrossEntropyOptions & { fromLogits?: boolean } = {},
): Node {
  const g = prediction.graph;
  requireSameShape('categoricalCrossentropy', prediction, targets);
  const classes = prediction.shape.at(-1) ?? 1;
  const share = smoothing(options);
  const soft = share === 0 ? targets : g.add(g.mul(targets, 1 - share), share / classes);
  const weights = options.classWeights ? g.constant(tensor(options.classWeights)) : undefined;
  if (options.fromLogits ?? true) {
    return reduced(g.softCrossEntropy(prediction, soft, weights), options);
  }
  const logs = g.log(g.clamp(prediction, tiny, 1 - tiny));
  const weighted = weights ? g.mul(soft, weights) : soft;
  return reduced(g.neg(g.sum(g.mul(weighted, logs), -1)), options);
}

/** The mean over all elements; targets between 0 and 1, of the shape of the logits. */
export function sigmoidCrossEntropy(
  logits: Node,
  targets: Node,
  options: LossOptions & { labelSmoothing?: number; positiveWeight?: number } = {},
): Node {
  const g = logits.graph;
  requireSameShape('sigmoidCrossEntropy', logits, targets);
  const share = smoothing(options);
  const soft = share === 0 ? targets : g.add(g.mul(targets, 1 - share), share / 2);
  if (options.positiveWeight === undefined) {
    return reduced(g.sigmoidCrossEntropy(logits, soft), options);
  }
  // w t softplus(-x) + (1 - t) softplus(x)
  const positive = g.mul(g.mul(soft, options.positiveWeight), g.softplus(g.neg(logits)));
  return reduced(g.add(positive, g.mul(g.sub(1, soft), g.softplus(logits))), options);
}

/** As Keras names it; with fromLogits: false the predictions are probabilities. */
export function binaryCrossentropy(
  prediction: Node,
  targets: Node,
  options: LossOptions & { labelSmoothing?: number; fromLogits?: boolean } = {},
): Node {
  if (options.fromLogits ?? true) return sigmoidCrossEntropy(prediction, targets, options);
  const g = prediction.graph;
  requireSameShape('binaryCrossentropy', prediction, targets);
  const share = smoothing(options);
  const soft = share === 0 ? targets : g.add(g.mul(targets, 1 - share), share / 2);
  const p = g.clamp(prediction, tiny, 1 - tiny);
  const yes = g.mul(soft, g.log(p));
  const no = g.mul(g.sub(1, soft), g.log(g.sub(1, p)));
  return reduced(g.neg(g.add(yes, no)), options);
}

export function meanSquaredError(prediction: Node, target: Node, options: LossOptions = {}): Node {
  requireSameShape('meanSquaredError', prediction, target);
  return reduced(prediction.graph.mse(prediction, target), options);
}

export function meanAbsoluteError(prediction: Node, target: Node, options: LossOptions = {}): Node {
  requireSameShape('meanAbsoluteError', prediction, target);
  return reduced(prediction.graph.mae(prediction, target), options);
}

/** Squared below delta (1), linear beyond. */
export function huber(
  prediction: Node,
  target: Node,
  options: LossOptions & { delta?: number } = {},
): Node {
  requireSameShape('huber', prediction, target);
  return reduced(prediction.graph.huber(prediction, target, options.delta ?? 1), options);
}

export function logCosh(prediction: Node, target: Node, options: LossOptions = {}): Node {
  requireSameShape('logCosh', prediction, target);
  return reduced(prediction.graph.logCosh(prediction, target), options);
}

/** For counts: prediction - target * log(prediction), with predictions above 0. */
export function poisson(prediction: Node, target: Node, options: LossOptions = {}): Node {
  requireSameShape('poisson', prediction, target);
  return reduced(prediction.graph.poisson(prediction, target), options);
}

/** max(1 - target * prediction, 0), with targets of -1 and 1. */
export function hinge(prediction: Node, target: Node, options: LossOptions = {}): Node {
  const g = prediction.graph;
  requireSameShape('hinge', prediction, target);
  return reduced(g.relu(g.sub(1, g.mul(target, prediction))), options);
}

export function squaredHinge(prediction: Node, target: Node, options: LossOptions = {}): Node {
  const g = prediction.graph;
  requireSameShape('squaredHinge', prediction, target);
  return reduced(g.square(g.relu(g.sub(1, g.mul(target, prediction)))), options);
}

/** Scores and one-hot targets [N, K]: the best wrong class should lie 1 below the right one. */
export function categoricalHinge(prediction: Node, target: Node, options: LossOptions = {}): Node {
  const g = prediction.graph;
  requireSameShape('categoricalHinge', prediction, target);
  const right = g.sum(g.mul(target, prediction), -1);
  const wrong = g.max(g.mul(g.sub(1, target), prediction), -1);
  return reduced(g.relu(g.add(g.sub(wrong, right), 1)), options);
}

/** The divergence of rows of probabilities [..., K] from those of the target: sum(target * log(target / prediction)). */
export function klDivergence(prediction: Node, target: Node, options: LossOptions = {}): Node {
  const g = prediction.graph;
  requireSameShape('klDivergence', prediction, target);
  const [p, t] = [g.clamp(prediction, tiny, 1), g.clamp(target, tiny, 1)];
  return reduced(g.sum(g.mul(t, g.sub(g.log(t), g.log(p))), -1), options);
}

/** Minus the cosine of the angle between rows [..., K]: -1 where they point the same way. */
export function cosineSimilarity(prediction: Node, target: Node, options: LossOptions = {}): Node {
  requireSameShape('cosineSimilarity', prediction, target);
  return reduced(prediction.graph.neg(prediction.graph.cosine(prediction, target)), options);
}

/** strength * sum of squares / 2, to add to a loss. */
export function l2(variables: readonly Node[], strength: number): Node {
  const first = variables[0] as Node;
  const g = first.graph;
  const squares = variables.map((variable) => g.sum(g.square(variable)));
  return g.mul(
    squares.reduce((sum, next) => g.add(sum, next)),
    strength / 2,
  );
}

function reduced(loss: Node, options: LossOptions): Node {
  const g = loss.graph;
  if (!options.sampleWeights) return g.mean(loss);
  // A weight a row counts for all of its elements.
  let weights = options.sampleWeights;
  while (weights.shape.length < loss.shape.length) weights = g.expandDims(weights, -1);
  return g.mean(g.mul(loss, weights));
}

function smoothing(options: { labelSmoothing?: number }): number {
  const share = options.labelSmoothing ?? 0;
  if (share >= 0 && share < 1) return share;
  throw new EngineError(
    'invalid_attribute',
    'labelSmoothing',
    'must be at least 0 and below 1: it is the share of a target that goes to the other classes',
  );
}

// [N, 1] against [N] would broadcast to [N, N] and train on nonsense.
function requireSameShape(op: string, prediction: Node, target: Node): void {
  const [a, b] = [prediction.shape, target.shape];
  const same =
    a.length === b.length &&
    a.every((dim, axis) => dim === b[axis] || dim === null || b[axis] === null);
  if (same) return;
  const text = (shape: readonly (number | null)[]) =>
    `[${shape.map((dim) => dim ?? 'batch').join(', ')}]`;
  throw new EngineError(
    'shape_mismatch',
    op,
    `predictions of ${text(a)} need targets of the same shape, not ${text(b)}`,
  );
}
