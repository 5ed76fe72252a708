import { EngineError } from '../engine-error.ts';
import type { Optimizer } from '../optimizer.ts';
import * as rules from '../optimizers.ts';
import type { LearningRate } from '../schedules.ts';
import type { LossFunction } from './loss-functions.ts';
import * as functions from './loss-functions.ts';

const optimizers = {
  sgd: (learningRate: LearningRate = 0.01) => rules.sgd({ learningRate }),
  momentum: (learningRate: LearningRate = 0.01) => rules.momentum({ learningRate }),
  rmsprop: (learningRate: LearningRate = 0.001) => rules.rmsprop({ learningRate, decay: 0.9 }),
  adagrad: (learningRate: LearningRate = 0.001) =>
    rules.adagrad({ learningRate, initialAccumulator: 0.1 }),
  adam: (learningRate: LearningRate = 0.001) => rules.adam({ learningRate }),
  adamw: (learningRate: LearningRate = 0.001) => rules.adamw({ learningRate, weightDecay: 0.004 }),
  ftrl: (learningRate: LearningRate = 0.001) => rules.ftrl({ learningRate }),
};

const losses = {
  sparseCategoricalCrossentropy: functions.sparseCategoricalCrossentropy(),
  categoricalCrossentropy: functions.categoricalCrossentropy(),
  binaryCrossentropy: functions.binaryCrossentropy(),
  meanSquaredError: functions.meanSquaredError(),
  mse: functions.meanSquaredError(),
  meanAbsoluteError: functions.meanAbsoluteError(),
  mae: functions.meanAbsoluteError(),
  huber: functions.huber(),
};

const metrics = {
  accuracy: functions.accuracy,
  sparseCategoricalAccuracy: functions.accuracy,
  categoricalAccuracy: functions.accuracy,
  binaryAccuracy: functions.binaryAccuracy,
  meanSquaredError: losses.mse,
  mse: losses.mse,
  meanAbsoluteError: losses.mae,
  mae: losses.mae,
};

export type OptimizerName = keyof typeof optimizers;
export type LossName = keyof typeof losses;
export type MetricName = keyof typeof metrics;
export type Loss = LossName | LossFunction;
/** A function is known by its name. */
export type Metric = MetricName | LossFunction;

export interface CompileOptions {
  /** By its name with Keras' defaults, or one of `optim`; adam by default. */
  optimizer?: OptimizerName | Optimizer;
  /** Of an optimizer that is given by its name. */
  learningRate?: LearningRate;
  /** One for all outputs, one for each, or by the outputs' names; their sum is what is trained. */
  loss: Loss | readonly Loss[] | Record<string, Loss>;
  /** What each output's loss is multiplied by, 1 by default. */
  lossWeights?: readonly number[] | Record<string, number>;
  /** For all outputs, or by their names. */
  metrics?: readonly Metric[] | Record<string, readonly Metric[]>;
}

/** What is to be done with one output. */
export interface Goal {
  readonly output: string;
  readonly loss: LossFunction;
  readonly weight: number;
  readonly metrics: readonly (readonly [name: string, value: LossFunction])[];
}

export interface Compiled {
  readonly optimizer: Optimizer;
  readonly goals: readonly Goal[];
}

export function compiled(
  model: string,
  outputs: readonly string[],
  options: CompileOptions,
): Compiled {
  const {
    optimizer = 'adam',
    learningRate,
    loss,
    lossWeights = {},
    metrics: wanted = [],
  } = options;
  if (loss === undefined) throw invalid(model, 'compile needs a loss');
  if (typeof optimizer !== 'string' && learningRate !== undefined)
    throw invalid(model, 'the learning rate belongs into the optimizer, which is no name here');
  const one = typeof loss === 'string' || typeof loss === 'function';
  const each = one ? outputs.map(() => loss) : listed(model, 'loss', outputs, loss);
  const weights = listed(model, 'lossWeights', outputs, lossWeights);
  const measured = Array.isArray(wanted)
    ? outputs.map(() => wanted as readonly Metric[])
    : listed(model, 'metrics', outputs, wanted as Record<string, readonly Metric[]>);
  const goals = outputs.map((output, i): Goal => {
    const own = each[i];
    if (own === undefined) throw invalid(model, `the output '${output}' needs a loss`);
    return {
      output,
      loss: named(model, 'loss', losses, own),
      weight: weights[i] ?? 1,
      metrics: (measured[i] ?? []).map((metric) => [
        typeof metric === 'string' ? metric : metric.name || 'metric',
        named(model, 'metric', metrics, metric),
      ]),
    };
  });
  if (typeof optimizer !== 'string') return { optimizer, goals };
  return { optimizer: named(model, 'optimizer', optimizers, optimizer)(learningRate), goals };
}

/** Values by output, from a list or by their names. */
export function listed<T>(
  model: string,
  what: string,
  names: readonly string[],
  given: readonly T[] | Record<string, T>,
): (T | undefined)[] {
  if (Array.isArray(given)) {
    if (given.length === names.length) return given as T[];
    throw invalid(model, `${what}: ${given.length} for [${names.join(', ')}]`);
  }
  const byName = given as Record<string, T>;
  const strange = Object.keys(byName).find((name) => !names.includes(name));
  if (strange !== undefined)
    throw new EngineError(
      'unknown_name',
      model,
      `${what}: there is no '${strange}', only [${names.join(', ')}]`,
    );
  return names.map((name) => byName[name]);
}

function named<T>(model: string, what: string, table: Record<string, T>, given: string | T): T {
  if (typeof given !== 'string') return given;
  const found = Object.hasOwn(table, given) ? table[given] : undefined;
  if (found === undefined)
    throw invalid(
      model,
      `there is no ${what} '${given}'; there are ${Object.keys(table).join(', ')}`,
    );
  return found;
}

function invalid(model: string, detail: string): EngineError {
  return new EngineError('invalid_attribute', model, detail);
}
