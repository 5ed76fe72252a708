import { readFileSync } from 'node:fs';
import type { Node, Optimizer } from '@vanda/engine';
import { Graph, losses, nn, optim, Pipeline, Session, Trainer } from '@vanda/engine';
import { peer } from '../peers/peer.ts';
import type { Measurement } from '../result.ts';
import { resnet20 } from './resnet.ts';

interface Case {
  readonly name: string;
  readonly input: readonly number[];
  readonly batch: number;
  readonly steps: number;
  readonly layers: () => nn.Layer[];
  readonly optimizer?: () => Optimizer;
}

/** The networks of the peers' script: the same layers, batch sizes and optimizer, random data. */
const list: readonly Case[] = [
  {
    name: 'mlp-b32',
    input: [784],
    batch: 32,
    steps: 1000,
    layers: () => [nn.dense(128, { activation: 'relu' }), nn.dense(10)],
  },
  {
    name: 'mnist-cnn-b128',
    input: [28, 28, 1],
    batch: 128,
    steps: 30,
    layers: () => [
      nn.conv2d(32, 3, { activation: 'relu' }),
      nn.maxPool(2),
      nn.conv2d(64, 3, { activation: 'relu' }),
      nn.maxPool(2),
      nn.flatten(),
      nn.dense(128, { activation: 'relu' }),
      nn.dense(10),
    ],
  },
  {
    name: 'resnet20-b128',
    input: [32, 32, 3],
    batch: 128,
    steps: 5,
    layers: resnet20,
    optimizer: () => optim.momentum({ learningRate: 0.01, momentum: 0.9 }),
  },
];

/** One training step in microseconds (the median of five runs) and the process's peak memory, as the peers' script says them. */
export async function* cases(options: { peers: boolean }): AsyncIterable<Measurement> {
  for (const entry of list) {
    const { trainer, session, pipeline } = prepare(entry);
    let target = 5;
    await trainer.train({ untilStep: target });
    const times: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      target += entry.steps;
      const start = performance.now();
      await trainer.train({ untilStep: target });
      times.push(((performance.now() - start) * 1000) / entry.steps);
    }
    const system = 'vanda';
    const median = times.sort((a, b) => a - b)[2] ?? 0;
    yield { case: entry.name, system, value: median, unit: 'us', better: 'lower' };
    const peak = peakMemory();
    yield { case: `${entry.name}-memory`, system, value: peak, unit: 'bytes', better: 'lower' };
    session.close();
    pipeline.close();
  }
  if (options.peers)
    yield* peer(
      'torch',
      ['torch', 'numpy'],
      'torch_train.py',
      list.map((entry) => entry.name),
    );
}

function prepare(entry: Case) {
  const rows = entry.batch * 4;
  const width = entry.input.reduce((product, dim) => product * dim, 1);
  const graph = new Graph({ seed: 1 });
  const x: Node = graph.placeholder('x', [null, ...entry.input]);
  const y = graph.placeholder('y', [null], 'i32');
  const logits = nn.sequential(entry.layers()).apply(x, { training: true });
  const session = new Session(graph, { threads: 2 });
  const pipeline = new Pipeline({
    columns: {
      x: {
        data: Float32Array.from({ length: rows * width }, (_, i) => Math.sin(i * 12.9898)),
        shape: entry.input,
      },
      y: { data: Int32Array.from({ length: rows }, (_, i) => (i * 7) % 10) },
    },
    batchSize: entry.batch,
    shuffle: true,
  });
  const loss = losses.softmaxCrossEntropy(logits, y);
  const optimizer = entry.optimizer?.() ?? optim.adam({ learningRate: 0.001 });
  return { session, pipeline, trainer: new Trainer(session, { pipeline, loss, optimizer }) };
}

/** The most memory that this process has held so far, in bytes. */
function peakMemory(): number {
  const line = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(line?.[1] ?? 0) * 1024;
}
