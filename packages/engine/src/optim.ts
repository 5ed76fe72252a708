export { accumulate } from './accumulate.ts';
export type { Clipping } from './clipping.ts';
export { lamb } from './lamb.ts';
export { averages, movingAverage, withAverages } from './moving-average.ts';
export type { Gradient, OptimizerOptions, UpdateContext } from './optimizer.ts';
export { customOptimizer } from './optimizer.ts';
export { adagrad, adam, adamax, adamw, ftrl, lion, momentum, rmsprop, sgd } from './optimizers.ts';
export type { PlateauOptions } from './plateau.ts';
export { reduceOnPlateau } from './plateau.ts';
export {
  constant,
  cosine,
  cosineRestarts,
  exponential,
  oneCycle,
  piecewise,
  polynomial,
  stepDecay,
  warmup,
} from './schedules.ts';
