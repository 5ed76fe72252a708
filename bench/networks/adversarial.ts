import type { Node } from '@vanda/engine';
import { losses, nn } from '@vanda/engine';
import { network } from './network.ts';
import { adam } from './perceptrons.ts';

const training = { training: true };

/** One step of a generative adversarial network (Goodfellow et al., 2014): both players move at the same time. */
export const gan = network({
  name: 'gan-b32',
  batch: 32,
  inputs: { noise: { shape: [32] }, real: { shape: [784] } },
  build({ noise, real }) {
    const graph = noise.graph;
    const generator = nn.sequential([
      nn.dense(128, { activation: 'relu' }),
      nn.dense(784, { activation: 'tanh' }),
    ]);
    const discriminator = nn.sequential([nn.dense(128, { activation: 'leakyRelu' }), nn.dense(1)]);
    const fake = generator.apply(noise, training);
    const ofGenerator = graph.variables.map(({ node }) => node);
    const judgeReal = discriminator.apply(real, training);
    const ofDiscriminator = graph.variables
      .map(({ node }) => node)
      .filter((node) => !ofGenerator.includes(node));
    const judgeFake = discriminator.apply(graph.stopGradient(fake), training);
    const told = (logits: Node, target: number) =>
      losses.sigmoidCrossEntropy(logits, graph.add(graph.mul(logits, 0), target));
    const loss = graph.add(told(judgeReal, 1), told(judgeFake, 0));
    const generatorLoss = told(discriminator.apply(fake, training), 1);
    const optimizer = {
      ...adam(),
      name: 'gan',
      minimize: () => [
        ...adam().minimize(loss, ofDiscriminator),
        ...adam().minimize(generatorLoss, ofGenerator),
      ],
    };
    return { loss: graph.add(loss, generatorLoss), optimizer };
  },
});
