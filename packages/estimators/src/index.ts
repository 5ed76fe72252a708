export { loadPredictor } from './load-predictor.ts';
export {
  decodePicture,
  inspectPicture,
  type PictureFacts,
  type PictureShape,
  pixelsMax,
  type RawPicture,
} from './pictures/decode-picture.ts';
export type { ClassPrediction, Prediction, Predictor } from './prediction.ts';
export { train } from './train.ts';
export type {
  TrainingData,
  TrainingEvents,
  TrainingOptions,
  TrainingResult,
} from './training.ts';
