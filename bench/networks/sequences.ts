import { losses, nn } from '@vanda/engine';
import { network } from './network.ts';
import { adam } from './perceptrons.ts';

const training = { training: true };
const steps = 64;

/** Two layers of LSTM that predict the next of 96 characters. */
export const charLstm = network({
  name: 'charlstm-b32-t64',
  batch: 32,
  inputs: { x: { shape: [steps], bound: 96 }, y: { shape: [steps], bound: 96 } },
  build({ x, y }) {
    const graph = x.graph;
    const scores = nn
      .sequential([
        nn.embedding(96, 64),
        nn.lstm(128, { returnSequences: true }),
        nn.lstm(128, { returnSequences: true }),
        nn.dense(96),
      ])
      .apply(x, training);
    const loss = losses.softmaxCrossEntropy(
      graph.reshape(scores, [-1, 96]),
      graph.reshape(y, [-1]),
    );
    return { loss, optimizer: adam() };
  },
});

/** Two transformer layers that sort texts into two classes. */
export const textFormer = network({
  name: 'textformer-b32-t64',
  batch: 32,
  inputs: { x: { shape: [steps], bound: 5000 }, y: { shape: [], bound: 2 } },
  build({ x, y }) {
    const states = nn
      .sequential([
        nn.embedding(5000, 128),
        nn.positionEmbedding(),
        nn.transformerEncoder(512, 4, { activation: 'gelu' }),
        nn.transformerEncoder(512, 4, { activation: 'gelu' }),
      ])
      .apply(x, training);
    const logits = nn.dense(2).apply(x.graph.mean(states, 1), training);
    return { loss: losses.softmaxCrossEntropy(logits, y), optimizer: adam() };
  },
});
