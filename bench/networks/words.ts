import { losses, optim } from '@vanda/engine';
import { network } from './network.ts';

/** A step of skip-gram with negative sampling (Mikolov et al., 2013); the first of six candidates is the true context. */
export const word2vec = network({
  name: 'word2vec-b64',
  batch: 64,
  inputs: { centre: { shape: [], bound: 500 }, candidates: { shape: [6], bound: 500 } },
  build({ centre, candidates }) {
    const graph = centre.graph;
    const table = { kind: 'uniform', scale: 0.5 } as const;
    const inner = graph.gather(graph.variable('centre/table', [500, 100], table), centre);
    const outer = graph.gather(graph.variable('context/table', [500, 100], table), candidates);
    const scores = graph.sum(graph.mul(graph.reshape(inner, [0, 1, 100]), outer), 2);
    const first = graph.constant({
      dtype: 'f32',
      shape: [1, 6],
      data: Float32Array.of(1, 0, 0, 0, 0, 0),
    });
    const targets = graph.add(graph.mul(scores, 0), first);
    const loss = losses.sigmoidCrossEntropy(scores, targets);
    return { loss, optimizer: optim.sgd({ learningRate: 0.5 }) };
  },
});
