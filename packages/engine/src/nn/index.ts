export type { Activation } from './activation.ts';
export { activation } from './activation.ts';
export type {
  AttentionLayer,
  AttentionLayerOptions,
  TransformerEncoderOptions,
} from './attention.ts';
export { multiHeadAttention, positionEmbedding, transformerEncoder } from './attention.ts';
export type { Conv2dOptions } from './convolution.ts';
export { avgPool, conv2d, globalAvgPool, globalMaxPool, maxPool } from './convolution.ts';
export type { DenseOptions } from './dense.ts';
export { dense } from './dense.ts';
export type { EmbeddingOptions } from './embedding.ts';
export { embedding, embeddingBag } from './embedding.ts';
export type { Layer, Mode } from './layer.ts';
export { groupNormalization, layerNormalization } from './normalization.ts';
export type { LstmOptions, Merge, RecurrentLayer, RecurrentLayerOptions } from './recurrent.ts';
export { bidirectional, gru, lstm } from './recurrent.ts';
export { batchNorm, dropout } from './regularization.ts';
export { flatten, rescale, sequential } from './shape.ts';
