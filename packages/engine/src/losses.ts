import type { Node } from './node.ts';
import { tensor } from './tensor.ts';

/** The mean over the batch; logits [N, K], integer labels [N]. With class weights, each row counts by its label's. */
export function softmaxCrossEntropy(
  logits: Node,
  labels: Node,
  options: { classWeights?: readonly number[] } = {},
): Node {
  const g = logits.graph;
  const weights = options.classWeights ? g.constant(tensor(options.classWeights)) : undefined;
  return g.mean(g.softmaxCrossEntropy(logits, labels, weights));
}

/** The mean over all elements; targets between 0 and 1, of the shape of the logits. */
export function sigmoidCrossEntropy(logits: Node, targets: Node): Node {
  return logits.graph.mean(logits.graph.sigmoidCrossEntropy(logits, targets));
}

export function meanSquaredError(prediction: Node, target: Node): Node {
  return prediction.graph.mean(prediction.graph.mse(prediction, target));
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
