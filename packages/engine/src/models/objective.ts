import { EngineError } from '../engine-error.ts';
import type { Node } from '../node.ts';
import type { Goal } from './compile.ts';

/** What is trained and what is watched, as scalars. */
export interface Objective {
  readonly loss: Node;
  readonly metrics: Record<string, Node>;
}

export function objectiveOf(
  goals: readonly Goal[],
  predictions: readonly Node[],
  targets: readonly Node[],
): Objective {
  const several = goals.length > 1;
  const metrics: Record<string, Node> = {};
  const weighted = goals.map((goal, i): Node => {
    const pair = [predictions[i] as Node, targets[i] as Node] as const;
    const loss = scalar(goal, 'loss', goal.loss, pair);
    if (several) metrics[`${goal.output}_loss`] = loss;
    for (const [name, value] of goal.metrics) {
      const key = several ? `${goal.output}_${name}` : name;
      metrics[key] = scalar(goal, name, value, pair);
    }
    return goal.weight === 1 ? loss : loss.graph.mul(loss, goal.weight);
  });
  return { loss: weighted.reduce((sum, next) => sum.graph.add(sum, next)), metrics };
}

function scalar(
  goal: Goal,
  what: string,
  value: Goal['loss'],
  [prediction, target]: readonly [Node, Node],
): Node {
  try {
    const node = value(prediction, target);
    if (node.shape.length === 0) return node;
    throw new EngineError('shape_mismatch', '', 'gives no scalar; take its mean');
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new EngineError(error.code, `${goal.output} (${what})`, error.message);
  }
}
