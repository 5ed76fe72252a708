import type { Node } from './node.ts';
import type { Optimizer, OptimizerOptions, UpdateContext } from './optimizer.ts';
import { customOptimizer } from './optimizer.ts';

interface Common extends OptimizerOptions {
  /** Added to the gradient: l2 * weight. */
  l2?: number;
}

interface Lazy {
  /**
   * For embeddings: a table's row that no index of the batch names stays as it is, and so does its state (TensorFlow's
   * LazyAdam). Steps touch only the rows of the batch then; the exact rule would move every row in every step.
   */
  lazy?: boolean;
}

/** w -= rate * g. */
export function sgd(options: Common): Optimizer {
  return ruled('sgd', options, [], { l2: options.l2 ?? 0 });
}

/** v = momentum * v + g; w -= rate * v; with Nesterov w -= rate * (g + momentum * v). As PyTorch's SGD. */
export function momentum(
  options: Common & Lazy & { momentum?: number; nesterov?: boolean },
): Optimizer {
  return ruled('momentum', options, [['velocity', 0]], {
    momentum: options.momentum ?? 0.9,
    nesterov: options.nesterov ?? false,
    l2: options.l2 ?? 0,
    lazy: options.lazy ?? false,
  });
}

/** a += g^2; w -= rate * g / (sqrt(a) + epsilon). As PyTorch's; Keras begins with a = 0.1. */
export function adagrad(
  options: Common & { initialAccumulator?: number; epsilon?: number },
): Optimizer {
  return ruled('adagrad', options, [['adagrad', options.initialAccumulator ?? 0]], {
    epsilon: options.epsilon ?? 1e-10,
    l2: options.l2 ?? 0,
  });
}

/**
 * s = decay * s + (1 - decay) * g^2; v = momentum * v + g / (sqrt(s) + epsilon); w -= rate * v. Centered, the variance
 * s - m^2 takes the place of s, m being the mean of g. As PyTorch's; Keras adds epsilon inside the root.
 */
export function rmsprop(
  options: Common &
    Lazy & { decay?: number; momentum?: number; epsilon?: number; centered?: boolean },
): Optimizer {
  const moved = options.momentum ?? 0;
  const centered = options.centered ?? false;
  const slots: [string, number][] = [['rmsprop/square', 0]];
  if (moved !== 0) slots.push(['rmsprop/velocity', 0]);
  if (centered) slots.push(['rmsprop/mean', 0]);
  return ruled('rmsprop', options, slots, {
    decay: options.decay ?? 0.99,
    momentum: moved,
    epsilon: options.epsilon ?? 1e-8,
    centered,
    l2: options.l2 ?? 0,
    lazy: options.lazy ?? false,
  });
}

interface AdamOptions extends Common, Lazy {
  beta1?: number;
  beta2?: number;
  /** Added to the root of the corrected second moment. */
  epsilon?: number;
  /** Divides by the largest second moment so far (Reddi, Kale and Kumar, 2018). */
  amsgrad?: boolean;
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
  const slots: [string, number][] = [
    ['adam/first', 0],
    ['adam/second', 0],
  ];
  if (options.amsgrad) slots.push(['adam/largest', 0]);
  const attributes = {
    beta1: options.beta1 ?? 0.9,
    beta2: options.beta2 ?? 0.999,
    epsilon: options.epsilon ?? 1e-7,
    amsgrad: options.amsgrad ?? false,
    l2: options.l2 ?? 0,
    weightDecay,
    lazy: options.lazy ?? false,
  };
  return customOptimizer(name, options, (context) => [
    emitRule('apply_adam', context, slots, attributes, [context.step]),
  ]);
}

/** Adam by the greatest gradient so far in the place of the second moment (Kingma and Ba, 2015). As PyTorch's Adamax. */
export function adamax(
  options: Common & Lazy & { beta1?: number; beta2?: number; epsilon?: number },
): Optimizer {
  const slots: [string, number][] = [
    ['adamax/mean', 0],
    ['adamax/greatest', 0],
  ];
  const attributes = {
    beta1: options.beta1 ?? 0.9,
    beta2: options.beta2 ?? 0.999,
    epsilon: options.epsilon ?? 1e-8,
    l2: options.l2 ?? 0,
    lazy: options.lazy ?? false,
  };
  return customOptimizer('adamax', options, (context) => [
    emitRule('apply_adamax', context, slots, attributes, [context.step]),
  ]);
}

/**
 * w -= rate * (sign(beta1 * m + (1 - beta1) * g) + weightDecay * w); m = beta2 * m + (1 - beta2) * g (Chen et al., 2023).
 * Every weight moves by the rate itself, so that is to be three to ten times smaller than Adam's.
 */
export function lion(
  options: Common & Lazy & { beta1?: number; beta2?: number; weightDecay?: number },
): Optimizer {
  return ruled('lion', options, [['lion', 0]], {
    beta1: options.beta1 ?? 0.9,
    beta2: options.beta2 ?? 0.99,
    weightDecay: options.weightDecay ?? 0,
    l2: options.l2 ?? 0,
    lazy: options.lazy ?? false,
  });
}

/**
 * Follow the regularised leader (McMahan et al., 2013), as TensorFlow's with a power of -1/2: `l1` keeps weights at zero,
 * `l2` and `beta` are its own, not a penalty of the loss. Rows of a table that a batch does not name rest unless `lazy` is
 * false; the exact rule would set them to what their state says, zero at first.
 */
export function ftrl(
  options: OptimizerOptions & {
    l1?: number;
    l2?: number;
    beta?: number;
    initialAccumulator?: number;
    lazy?: boolean;
  },
): Optimizer {
  const slots: [string, number][] = [
    ['ftrl/square', options.initialAccumulator ?? 0.1],
    ['ftrl/linear', 0],
  ];
  return ruled('ftrl', options, slots, {
    l1: options.l1 ?? 0,
    l2: options.l2 ?? 0,
    beta: options.beta ?? 0,
    lazy: options.lazy ?? true,
  });
}

type Slots = readonly (readonly [kind: string, initial: number])[];
type Attributes = Record<string, number | boolean>;

/** A rule of which the engine has a kernel: one multi-tensor step over all variables. */
function ruled(
  name: string,
  options: OptimizerOptions,
  slots: Slots,
  attributes: Attributes,
): Optimizer {
  return customOptimizer(name, options, (context) => [
    emitRule(`apply_${name}`, context, slots, attributes),
  ]);
}

function emitRule(
  op: string,
  context: UpdateContext,
  slots: Slots,
  attributes: Attributes,
  more: readonly Node[] = [],
): number {
  const { graph, variable, gradient, rate, every } = context;
  const state = slots.map(([kind, initial]) => context.slot(kind, initial));
  return graph.emitEffect(op, [variable, ...state, gradient, rate, ...more], {
    ...attributes,
    every,
  });
}
