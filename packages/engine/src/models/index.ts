export type { CallOptions } from './call.ts';
export { call, callAll } from './call.ts';
export type {
  CompileOptions,
  Loss,
  LossName,
  Metric,
  MetricName,
  OptimizerName,
} from './compile.ts';
export type { Data, Samples, Values } from './data.ts';
export type { LossFunction } from './loss-functions.ts';
export {
  binaryCrossentropy,
  categoricalCrossentropy,
  huber,
  meanAbsoluteError,
  meanSquaredError,
  sparseCategoricalCrossentropy,
} from './loss-functions.ts';
export { model } from './make-model.ts';
export type { FitOptions } from './model.ts';
export { Model } from './model.ts';
export type { Callback, History, Logs, Run, Trainee } from './run.ts';
export { Sequential, sequential } from './sequential.ts';
export type { Entry } from './structure.ts';
export type { SummaryOptions } from './summary.ts';
export { input, Symbolic } from './symbol.ts';
export type { ModelOptions } from './weighted.ts';
