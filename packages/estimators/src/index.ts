export { saveImported } from './imported/save-imported.ts';
export { loadPredictor } from './load-predictor.ts';
export { measureRate } from './measure-rate.ts';
export {
  decodePicture,
  inspectPicture,
  type PictureFacts,
  type PictureShape,
  pixelsMax,
  type RawPicture,
} from './pictures/decode-picture.ts';
export type { ClassPrediction, Prediction, Predictor, TensorPrediction } from './prediction.ts';
export {
  type SampledFile,
  type SampleInputs,
  type SampleSource,
  sampleInputs,
} from './samples/sample-inputs.ts';
export {
  type Estimator,
  type EstimatorOptions,
  type FittedModel,
  imageClassifier,
  type PictureOptions,
  type TableOptions,
  tabularClassifier,
  tabularRegressor,
} from './standalone/estimator.ts';
export type { TableSource } from './standalone/open-table.ts';
export { train } from './train.ts';
export type {
  TrainingData,
  TrainingEvents,
  TrainingOptions,
  TrainingPreview,
  TrainingResult,
} from './training.ts';
