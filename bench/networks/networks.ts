import { gan } from './adversarial.ts';
import { mnistCnn, resnet20 } from './convolutional.ts';
import type { Network } from './network.ts';
import { autoencoder, mlp, mlpWide, regression } from './perceptrons.ts';
import { charLstm, textFormer } from './sequences.ts';
import { wideDeep } from './tabular.ts';
import { word2vec } from './words.ts';

export const networks: readonly Network[] = [
  regression,
  mlp,
  mlpWide,
  autoencoder,
  mnistCnn,
  resnet20,
  wideDeep,
  charLstm,
  textFormer,
  gan,
  word2vec,
];
