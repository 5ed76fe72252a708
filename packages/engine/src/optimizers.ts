import { EngineError } from './engine-error.ts';
import type { Node } from './node.ts';
import type { LearningRate } from './schedules.ts';
import { rateAt } from './schedules.ts';

/** Adds the update of each variable to the graph; gives the ids of the effects to run each step. */
export interface Optimizer {
  readonly name: string;
  minimize(loss: Node, variables: readonly Node[]): number[];
}

interface Common {
  learningRate: LearningRate;
  /** Added to the gradient: l2 * weight. */
  l2?: number;
  /** Scales all gradients down together so that their norm is at most this. */
  clipNorm?: number;
}

export function sgd(options: Common): Optimizer {
  return optimizer('sgd', options, (variable, gradient, rate) =>
    variable.graph.emitEffect('apply_sgd', [variable, gradient, rate], { l2: options.l2 ?? 0 }),
  );
}

export function momentum(options: Common & { momentum?: number; nesterov?: boolean }): Optimizer {
  return optimizer('momentum', options, (variable, gradient, rate) =>
    variable.graph.emitEffect(
      'apply_momentum',
      [variable, slot('velocity', variable), gradient, rate],
      {
        momentum: options.momentum ?? 0.9,
        nesterov: options.nesterov ?? false,
        l2: options.l2 ?? 0,
      },
    ),
  );
}

interface AdamOptions extends Common {
  beta1?: number;
  beta2?: number;
  epsilon?: number;
}

/** Kingma and Ba, 2015. */
export function adam(options: AdamOptions): Optimizer {
  return adaptive('adam', options, 0);
}

/** Adam with decoupled weight decay (Loshchilov and Hutter, 2019). */
export function adamw(options: AdamOptions & { weightDecay?: number }): Optimizer {
  return adaptive('adamw', options, options.weightDecay ?? 0.01);
}

function adaptive(name: string, options: AdamOptions, weightDecay: number): Optimizer {
  return optimizer(name, options, (variable, gradient, rate, step) =>
    variable.graph.emitEffect(
      'apply_adam',
      [variable, slot('adam/first', variable), slot('adam/second', variable), gradient, rate, step],
      {
        beta1: options.beta1 ?? 0.9,
        beta2: options.beta2 ?? 0.999,
        epsilon: options.epsilon ?? 1e-7,
        l2: options.l2 ?? 0,
        weightDecay,
      },
    ),
  );
}

type Apply = (variable: Node, gradient: Node, rate: Node, step: Node) => number;

function optimizer(name: string, options: Common, apply: Apply): Optimizer {
  const rate = options.learningRate;
  if (typeof rate === 'number' && !(Number.isFinite(rate) && rate >= 0)) {
    throw new EngineError(
      'invalid_attribute',
      name,
      'the learning rate must be a finite number of at least 0',
    );
  }
  return {
    name,
    minimize(loss, variables) {
      const graph = loss.graph;
      if (variables.length === 0)
        throw new EngineError('invalid_graph', name, 'there is no variable to train');
      const gradients = clipped(graph.gradients(loss, variables), options.clipNorm);
      const step = graph.step();
      const now = rateAt(rate, step);
      return variables.map((variable, i) => apply(variable, gradients[i] as Node, now, step));
    },
  };
}

function slot(kind: string, variable: Node): Node {
  const shape = variable.shape as readonly number[];
  return variable.graph.variable(
    `${kind}/${variable.name}`,
    shape,
    { kind: 'zeros' },
    { trainable: false },
  );
}

function clipped(gradients: Node[], norm: number | undefined): Node[] {
  const first = gradients[0];
  if (norm === undefined || !first) return gradients;
  const g = first.graph;
  const squares = gradients.map((gradient) => g.sum(g.square(gradient)));
  const total = g.sqrt(squares.reduce((sum, next) => g.add(sum, next)));
  const factor = g.div(norm, g.maximum(total, norm));
  return gradients.map((gradient) => g.mul(gradient, factor));
}
