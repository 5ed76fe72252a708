import type { Node } from '@vanda/engine';
import { losses, nn, optim } from '@vanda/engine';
import { network } from './network.ts';
import { adam } from './perceptrons.ts';

const training = { training: true };

/** conv32 - pool - conv64 - pool - dense128 - dense10. */
export const mnistCnn = network({
  name: 'mnist-cnn-b128',
  batch: 128,
  inputs: { x: { shape: [28, 28, 1] }, y: { shape: [], bound: 10 } },
  build({ x, y }) {
    const logits = nn
      .sequential([
        nn.conv2d(32, 3, { activation: 'relu' }),
        nn.maxPool(2),
        nn.conv2d(64, 3, { activation: 'relu' }),
        nn.maxPool(2),
        nn.flatten(),
        nn.dense(128, { activation: 'relu' }),
        nn.dense(10),
      ])
      .apply(x, training);
    return { loss: losses.softmaxCrossEntropy(logits, y), optimizer: adam() };
  },
});

/** ResNet-20 for CIFAR-10 (He et al., 2016), with projections where the shape changes. */
export const resnet20 = network({
  name: 'resnet20-b128',
  batch: 128,
  inputs: { x: { shape: [32, 32, 3] }, y: { shape: [], bound: 10 } },
  build({ x, y }) {
    let value = x.graph.relu(normalised(x, 16, 3, 1));
    let channels = 16;
    for (const [filters, firstStride] of [
      [16, 1],
      [32, 2],
      [64, 2],
    ] as const) {
      for (let index = 0; index < 3; index += 1) {
        value = residual(value, channels, filters, index === 0 ? firstStride : 1);
        channels = filters;
      }
    }
    const pooled = nn.globalAvgPool().apply(value, training);
    const loss = losses.softmaxCrossEntropy(nn.dense(10).apply(pooled, training), y);
    // So small that ten steps do not make two correct sums of the same numbers drift apart.
    return { loss, optimizer: optim.momentum({ learningRate: 0.001, momentum: 0.9 }) };
  },
});

/** A 3 x 3 kernel looks one pixel past the edge on every side, as PyTorch's padding of 1 does. */
function normalised(x: Node, filters: number, size: number, stride: number): Node {
  const side = (size - 1) / 2;
  const convolution = nn.conv2d(filters, size, {
    stride,
    padding: [side, side, side, side],
    useBias: false,
  });
  return nn.batchNorm({ epsilon: 1e-5 }).apply(convolution.apply(x, training), training);
}

function residual(x: Node, channels: number, filters: number, stride: number): Node {
  const graph = x.graph;
  const first = graph.relu(normalised(x, filters, 3, stride));
  const second = normalised(first, filters, 3, 1);
  const plain = stride === 1 && channels === filters;
  return graph.relu(graph.add(second, plain ? x : normalised(x, filters, 1, stride)));
}
