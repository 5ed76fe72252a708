export type { ClassPrediction, Prediction, Predictor } from './prediction.ts';
export type {
  TrainingData,
  TrainingEvents,
  TrainingOptions,
  TrainingResult,
} from './training.ts';
