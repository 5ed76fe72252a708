import { EngineError } from '../engine-error.ts';
import * as losses from '../losses.ts';
import * as metrics from '../metrics.ts';
import { logitsOf } from '../nn/activation.ts';
import type { Node } from '../node.ts';
import { typeText } from './symbol.ts';

/** A scalar of what a model gave and what it should have given. */
export type LossFunction = (prediction: Node, target: Node) => Node;

interface Scored {
  /**
   * Whether the predictions are logits. Where it is not said, they are, unless a layer made them with a softmax or sigmoid,
   * which the loss then looks through.
   */
  fromLogits?: boolean;
}

/** Predictions [..., K], whole numbers [...] below K. */
export function sparseCategoricalCrossentropy(
  options: Scored & { classWeights?: readonly number[] } = {},
): LossFunction {
  return (prediction, target) => {
    const g = prediction.graph;
    const labels = labelsFor('sparseCategoricalCrossentropy', prediction, target);
    const logits = logitsFor(prediction, 'softmax', options);
    const rows = g.reshape(logits, [-1, prediction.shape.at(-1) as number]);
    return losses.softmaxCrossEntropy(rows, g.reshape(labels, [-1]), {
      classWeights: options.classWeights,
    });
  };
}

/** Predictions and targets [..., K], the targets shares that add up to 1. */
export function categoricalCrossentropy(options: Scored = {}): LossFunction {
  return (prediction, target) => {
    const g = prediction.graph;
    const shares = alike('categoricalCrossentropy', prediction, target);
    const logits = logitsFor(prediction, 'softmax', options);
    return g.neg(g.mean(g.sum(g.mul(shares, g.logSoftmax(logits)), -1)));
  };
}

/** Targets between 0 and 1. */
export function binaryCrossentropy(options: Scored = {}): LossFunction {
  return (prediction, target) =>
    losses.sigmoidCrossEntropy(
      logitsFor(prediction, 'sigmoid', options),
      alike('binaryCrossentropy', prediction, target),
    );
}

export function meanSquaredError(): LossFunction {
  return (prediction, target) =>
    losses.meanSquaredError(prediction, alike('meanSquaredError', prediction, target));
}

export function meanAbsoluteError(): LossFunction {
  return (prediction, target) =>
    metrics.meanAbsoluteError(prediction, alike('meanAbsoluteError', prediction, target));
}

/** Half the square up to delta, a line beyond it (Huber, 1964). */
export function huber(options: { delta?: number } = {}): LossFunction {
  const delta = options.delta ?? 1;
  return (prediction, target) => {
    const g = prediction.graph;
    const error = g.abs(g.sub(prediction, alike('huber', prediction, target)));
    const near = g.minimum(error, delta);
    return g.mean(g.mul(near, g.sub(error, g.mul(near, 0.5))));
  };
}

/** The largest score is the label's; for one score, or targets in the predictions' shape, by what they are. */
export function accuracy(prediction: Node, target: Node): Node {
  const g = prediction.graph;
  if (prediction.shape.at(-1) === 1) return binaryAccuracy(prediction, target);
  if (prediction.shape.length !== target.shape.length || target.shape.at(-1) === 1) {
    const rows = g.reshape(prediction, [-1, prediction.shape.at(-1) as number]);
    return metrics.accuracy(rows, g.reshape(labelsFor('accuracy', prediction, target), [-1]));
  }
  const shares = alike('accuracy', prediction, target);
  return g.mean(g.cast(g.equal(g.argmax(prediction), g.argmax(shares)), 'f32'));
}

export function binaryAccuracy(prediction: Node, target: Node): Node {
  const logits = logitsFor(prediction, 'sigmoid', {});
  return metrics.binaryAccuracy(logits, alike('binaryAccuracy', prediction, target));
}

function logitsFor(prediction: Node, made: 'softmax' | 'sigmoid', { fromLogits }: Scored): Node {
  if (fromLogits === true) return prediction;
  const logits = logitsOf(prediction, made);
  if (logits || fromLogits === undefined) return logits ?? prediction;
  // Probabilities: their logarithms are logits of them, for a sigmoid the logarithm of the odds.
  const g = prediction.graph;
  const share = g.clamp(prediction, 1e-7, 1 - 1e-7);
  return made === 'softmax' ? g.log(share) : g.sub(g.log(share), g.log(g.sub(1, share)));
}

/** Targets as f32 in the shape of the predictions; a last dim of 1 may be left out or be too much. */
function alike(loss: string, prediction: Node, target: Node): Node {
  const g = prediction.graph;
  const wanted = prediction.shape.slice(1).join();
  const own = target.shape.slice(1);
  const fits = [own, [...own, 1], own.at(-1) === 1 ? own.slice(0, -1) : own];
  if (!fits.some((shape) => shape.join() === wanted)) misfit(loss, prediction, target, prediction);
  const same = own.join() === wanted ? target : g.reshape(target, [0, ...knownDims(prediction)]);
  return same.dtype === 'f32' ? same : g.cast(same, 'f32');
}

/** Targets as whole numbers in the shape of the predictions without its last dim. */
function labelsFor(loss: string, prediction: Node, target: Node): Node {
  const g = prediction.graph;
  const wanted = { dtype: 'i32' as const, shape: prediction.shape.slice(0, -1) };
  const own = target.shape.slice(1);
  const fits = [own, own.at(-1) === 1 ? own.slice(0, -1) : own];
  if (!fits.some((shape) => shape.join() === wanted.shape.slice(1).join()))
    misfit(loss, prediction, target, wanted);
  return target.dtype === 'i32' || target.dtype === 'i64' ? target : g.cast(target, 'i32');
}

function knownDims(x: Node): number[] {
  return x.shape.slice(1) as number[];
}

function misfit(
  loss: string,
  prediction: Node,
  target: Node,
  wanted: Parameters<typeof typeText>[0],
): never {
  throw new EngineError(
    'shape_mismatch',
    loss,
    `predictions ${typeText(prediction)} do not fit targets ${typeText(target)}; ${typeText(wanted)} would`,
  );
}
