import type { Node } from './node.ts';

/** The share of rows whose largest logit is the label's. */
export function accuracy(logits: Node, labels: Node): Node {
  const g = logits.graph;
  const same = labels.dtype === 'i32' ? labels : g.cast(labels, 'i32');
  return g.mean(g.cast(g.equal(g.argmax(logits), same), 'f32'));
}

/** The share of logits on the side of zero that their target says. */
export function binaryAccuracy(logits: Node, targets: Node): Node {
  const g = logits.graph;
  const said = g.cast(g.greater(logits, 0), 'f32');
  return g.mean(g.cast(g.equal(said, g.cast(g.greater(targets, 0.5), 'f32')), 'f32'));
}

export function meanAbsoluteError(prediction: Node, target: Node): Node {
  const g = prediction.graph;
  return g.mean(g.abs(g.sub(prediction, target)));
}
