export type { Activation } from './activation.ts';
export { activation, prelu } from './activation.ts';
export type {
  AttentionLayer,
  AttentionLayerOptions,
  TransformerEncoderOptions,
} from './attention.ts';
export { multiHeadAttention, positionEmbedding, transformerEncoder } from './attention.ts';
export type { Border } from './border.ts';
export { cropping2d, depthToSpace, padding2d, spaceToDepth } from './border.ts';
export type {
  Conv1dOptions,
  Conv1dTransposeOptions,
  Conv2dOptions,
  Conv2dTransposeOptions,
  DepthwiseConv2dOptions,
} from './convolution.ts';
export {
  conv1d,
  conv1dTranspose,
  conv2d,
  conv2dTranspose,
  depthwiseConv2d,
  separableConv2d,
} from './convolution.ts';
export type { DenseOptions } from './dense.ts';
export { dense } from './dense.ts';
export type { EmbeddingOptions } from './embedding.ts';
export { embedding, embeddingBag } from './embedding.ts';
export type { Described, Layer, MergeLayer, Mode, Named } from './layer.ts';
export {
  add,
  average,
  concatenate,
  dot,
  maximum,
  minimum,
  multiply,
  subtract,
} from './merge.ts';
export { gaussianDropout, gaussianNoise } from './noise.ts';
export {
  groupNormalization,
  instanceNormalization,
  layerNormalization,
  localResponseNormalization,
  rmsNormalization,
  unitNormalization,
} from './normalization.ts';
export {
  avgPool,
  avgPool1d,
  globalAvgPool,
  globalAvgPool1d,
  globalMaxPool,
  globalMaxPool1d,
  maxPool,
  maxPool1d,
  upsampling2d,
} from './pooling.ts';
export { recompute } from './recompute.ts';
export type { LstmOptions, Merge, RecurrentLayer, RecurrentLayerOptions } from './recurrent.ts';
export { bidirectional, gru, lstm, simpleRnn } from './recurrent.ts';
export { batchNorm, dropout, spatialDropout2d } from './regularization.ts';
export { flatten, permute, repeatVector, rescale, reshape, sequential } from './shape.ts';
export type { Conv3dOptions } from './volume.ts';
export { avgPool3d, conv3d, globalAvgPool3d, globalMaxPool3d, maxPool3d } from './volume.ts';
