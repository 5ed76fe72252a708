import { losses, nn, optim } from '@vanda/engine';
import { type Network, network } from './network.ts';

const training = { training: true };
/** PyTorch's epsilon. */
export const adam = () => optim.adam({ learningRate: 1e-3, epsilon: 1e-8 });

function classifier(name: string, batch: number, hidden: readonly number[]): Network {
  return network({
    name,
    batch,
    inputs: { x: { shape: [784] }, y: { shape: [], bound: 10 } },
    build({ x, y }) {
      const layers = hidden.map((units) => nn.dense(units, { activation: 'relu' }));
      const logits = nn.sequential([...layers, nn.dense(10)]).apply(x, training);
      return { loss: losses.softmaxCrossEntropy(logits, y), optimizer: adam() };
    },
  });
}

export const mlp = classifier('mlp-b32', 32, [128]);
export const mlpWide = classifier('mlp-b128-wide', 128, [512, 512]);

export const regression = network({
  name: 'linreg-b32',
  batch: 32,
  inputs: { x: { shape: [13] }, y: { shape: [1] } },
  build({ x, y }) {
    const loss = losses.meanSquaredError(nn.dense(1).apply(x, training), y);
    return { loss, optimizer: optim.momentum({ learningRate: 0.01, momentum: 0.9 }) };
  },
});

/** 784 - 128 - 32 - 128 - 784, pixels from 0 to 1. */
export const autoencoder = network({
  name: 'autoencoder-b32',
  batch: 32,
  inputs: { x: { shape: [784], low: 0 } },
  build({ x }) {
    const layers = [128, 32, 128].map((units) => nn.dense(units, { activation: 'relu' }));
    const decoded = nn
      .sequential([...layers, nn.dense(784, { activation: 'sigmoid' })])
      .apply(x, training);
    return { loss: losses.meanSquaredError(decoded, x), optimizer: adam() };
  },
});
