import type { Clipping } from './clipping.ts';
import { clipped } from './clipping.ts';
import { EngineError } from './engine-error.ts';
import type { Graph } from './graph.ts';
import type { Node } from './node.ts';
import type { LearningRate } from './schedules.ts';
import { rateAt } from './schedules.ts';
import type { Selection } from './selection.ts';
import { selectVariables } from './selection.ts';

export interface Gradient {
  readonly variable: Node;
  readonly gradient: Node;
}

/** Adds the updates of variables to the graph; gives the ids of the effects to run each step. */
export interface Optimizer {
  readonly name: string;
  readonly learningRate?: LearningRate;
  /** The same rule at another rate; where there is none, the rate stays what it is. */
  withRate?(rate: LearningRate): Optimizer;
  /** Variables by themselves or by name pattern; without a choice, all trainable ones. */
  minimize(loss: Node, of?: readonly Node[] | Selection): number[];
  /** The updates alone, of gradients from elsewhere; with `every` = K they happen in each K-th step. */
  apply(gradients: readonly Gradient[], options?: { every?: number }): number[];
}

export interface OptimizerOptions extends Clipping {
  learningRate: LearningRate;
}

/** What a rule sees of one variable. */
export interface UpdateContext {
  readonly graph: Graph;
  readonly variable: Node;
  readonly gradient: Node;
  /** The learning rate of this step, an f32 scalar. */
  readonly rate: Node;
  /** The number of the update, 0 first, an f32 scalar. */
  readonly step: Node;
  readonly every: number;
  /** State of the variable's shape that is kept beside it, made at first use. */
  slot(kind: string, initial?: number): Node;
  /** Writes a variable at the end of the step; every other operation sees what it was before. */
  assign(variable: Node, value: Node): number;
}

/**
 * An optimizer from its rule: for each variable, the effects that update it and its slots. Rules may be written over the
 * raw graph, with `assign`; the rates, the clipping and the choice of variables come along.
 */
export function customOptimizer(
  name: string,
  options: OptimizerOptions,
  rule: (context: UpdateContext) => readonly number[],
): Optimizer {
  const learningRate = options.learningRate;
  if (typeof learningRate === 'number' && !(Number.isFinite(learningRate) && learningRate >= 0)) {
    throw new EngineError(
      'invalid_attribute',
      name,
      'the learning rate must be a finite number of at least 0',
    );
  }
  const apply: Optimizer['apply'] = (gradients, { every = 1 } = {}) => {
    const first = gradients[0];
    if (!first) throw new EngineError('invalid_graph', name, 'there is no variable to train');
    const graph = first.variable.graph;
    const step = graph.step({ every });
    const rate = rateAt(learningRate, step);
    const bounded = clipped(
      gradients.map((entry) => entry.gradient),
      options,
    );
    return gradients.flatMap(({ variable }, i) =>
      rule({
        graph,
        variable,
        gradient: bounded[i] as Node,
        rate,
        step,
        every,
        slot: (kind, initial = 0) => slotOf(kind, variable, initial),
        assign: (target, value) => graph.assign(target, value, { every }),
      }),
    );
  };
  return {
    name,
    learningRate,
    withRate: (rate) => customOptimizer(name, { ...options, learningRate: rate }, rule),
    apply,
    minimize: (loss, of = {}) => apply(gradientsOf(loss, of)),
  };
}

export function gradientsOf(loss: Node, of: readonly Node[] | Selection): Gradient[] {
  const variables = selectVariables(loss.graph, of);
  if (variables.length === 0)
    throw new EngineError('invalid_graph', 'minimize', 'there is no variable to train');
  const gradients = loss.graph.gradients(loss, variables);
  return variables.map((variable, i) => ({ variable, gradient: gradients[i] as Node }));
}

/** The slot of an earlier optimizer of the same kind is taken over, so that training can go on with other variables. */
export function slotOf(kind: string, variable: Node, initial = 0): Node {
  const name = `${kind}/${variable.name}`;
  const graph = variable.graph;
  if (graph.has(name)) return graph.byName(name);
  const shape = variable.shape as readonly number[];
  return graph.variable(
    name,
    shape,
    initial === 0 ? { kind: 'zeros' } : { kind: 'constant', value: initial },
    { trainable: false },
  );
}
