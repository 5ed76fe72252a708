import type { Node } from '@vanda/engine';
import { Graph, losses, nn, optim, Pipeline, Session, Trainer } from '@vanda/engine';

const steps = 64;
const batch = 32;

interface Sequences {
  readonly tokens: number;
  /** Labels a row: one for each token, or one for the whole. */
  readonly labels: readonly number[];
  readonly classes: number;
  readonly logits: (tokens: Node) => Node;
}

/** Two layers of LSTM that predict the next of 96 characters. */
const charlstm: Sequences = {
  tokens: 96,
  labels: [steps],
  classes: 96,
  logits(tokens) {
    const layers = [
      nn.embedding(96, 64),
      nn.lstm(128, { returnSequences: true }),
      nn.lstm(128, { returnSequences: true }),
      nn.dense(96),
    ];
    const scores = nn.sequential(layers).apply(tokens, { training: true });
    return tokens.graph.reshape(scores, [-1, 96]);
  },
};

/** Two transformer layers that sort texts into two classes. */
const textformer: Sequences = {
  tokens: 5000,
  labels: [],
  classes: 2,
  logits(tokens) {
    const training = { training: true };
    const layers = [
      nn.embedding(5000, 128),
      nn.positionEmbedding(),
      nn.transformerEncoder(512, 4, { activation: 'gelu' }),
      nn.transformerEncoder(512, 4, { activation: 'gelu' }),
    ];
    const states = nn.sequential(layers).apply(tokens, training);
    return nn.dense(2).apply(tokens.graph.mean(states, 1), training);
  },
};

function prepare(entry: Sequences) {
  const rows = batch * 4;
  const graph = new Graph({ seed: 1 });
  const x = graph.placeholder('x', [null, steps], 'i32');
  const y = graph.placeholder('y', [null, ...entry.labels], 'i32');
  const labels = entry.labels.length > 0 ? graph.reshape(y, [-1]) : y;
  const loss = losses.softmaxCrossEntropy(entry.logits(x), labels);
  const session = new Session(graph, { threads: 2 });
  const labelCount = entry.labels[0] ?? 1;
  const numbers = (count: number, below: number) =>
    Int32Array.from({ length: count }, (_, i) => (i * 7919 + ((i * i) % 1013)) % below);
  const pipeline = new Pipeline({
    columns: {
      x: { data: numbers(rows * steps, entry.tokens), shape: [steps] },
      y: { data: numbers(rows * labelCount, entry.classes), shape: [...entry.labels] },
    },
    batchSize: batch,
    shuffle: true,
  });
  const optimizer = optim.adam({ learningRate: 0.001 });
  return { session, pipeline, trainer: new Trainer(session, { pipeline, loss, optimizer }) };
}

/** Networks over sequences of 64 tokens, in batches of 32. */
export const sequences = [
  { name: 'charlstm-b32-t64', steps: 20, prepare: () => prepare(charlstm) },
  { name: 'textformer-b32-t64', steps: 20, prepare: () => prepare(textformer) },
];
