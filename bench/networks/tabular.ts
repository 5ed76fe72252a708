import type { Node } from '@vanda/engine';
import { losses, nn, optim } from '@vanda/engine';
import { network } from './network.ts';

const training = { training: true };
const fields = 26;
const buckets = 10_000;

/** Wide and deep (Cheng et al., 2016) on rows as Criteo's: 13 numbers and 26 categories of 10,000 buckets. */
export const wideDeep = network({
  name: 'wide-deep-b256',
  batch: 256,
  inputs: {
    x: { shape: [13] },
    c: { shape: [fields], bound: buckets },
    y: { shape: [], bound: 2 },
  },
  build({ x, c, y }) {
    const graph = x.graph;
    const column = (field: number) => graph.reshape(graph.slice(c, [0, field], [-1, 1]), [0]);
    const columns = Array.from({ length: fields }, (_, field) => column(field));
    const deep = columns.map((each) => nn.embedding(buckets, 16).apply(each, training));
    const wide = columns.map((each) => nn.embedding(buckets, 1).apply(each, training));
    const tower = nn
      .sequential([
        nn.dense(128, { activation: 'relu' }),
        nn.dense(64, { activation: 'relu' }),
        nn.dense(1),
      ])
      .apply(graph.concat([x, ...deep], 1), training);
    const linear = nn.dense(1).apply(x, training);
    const logits = wide.reduce<Node>((sum, each) => graph.add(sum, each), graph.add(tower, linear));
    const targets = graph.cast(y, 'f32');
    return {
      loss: losses.sigmoidCrossEntropy(graph.reshape(logits, [0]), targets),
      optimizer: optim.adagrad({ learningRate: 0.05 }),
    };
  },
});
