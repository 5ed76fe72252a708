import { expect, test } from 'vitest';
import type { Tensor } from './index.ts';
import { Graph, losses, models, nn, optim, Pipeline, Session, Trainer, tensor } from './index.ts';
import { drawn } from './ops/finite-differences.fixture.ts';

type Wrap = (layer: nn.Layer) => nn.Layer;
const kept: Wrap = (layer) => layer;

const residual = (width: number): nn.Layer => {
  const inner = nn.sequential([
    nn.dense(width, { activation: 'gelu' }),
    nn.layerNormalization(),
    nn.dropout(0.3),
    nn.dense(width),
  ]);
  return { apply: (x, mode) => x.graph.add(x, inner.apply(x, mode)) };
};

const convolutions = (filters: number): nn.Layer =>
  nn.sequential([
    nn.conv2d(filters, 3, { padding: 'same' }),
    nn.batchNorm(),
    nn.activation('relu'),
    nn.conv2d(filters, 3, { padding: 'same', activation: 'relu' }),
    nn.dropout(0.1),
  ]);

/** Trains a network of blocks for some steps; gives its variables then, and the memory of a step. */
async function trained(
  rows: number,
  shape: readonly number[],
  blocks: readonly nn.Layer[],
  wrap: Wrap,
) {
  const graph = new Graph({ seed: 11 });
  const x = graph.placeholder('x', [null, ...shape]);
  const y = graph.placeholder('y', [null], 'i32');
  const layers = [...blocks.map(wrap), nn.flatten(), nn.dense(3)];
  const logits = nn.sequential(layers).apply(x, { training: true });
  const session = new Session(graph, { threads: 1 });
  const pipeline = new Pipeline({
    columns: {
      x: { data: drawn([rows, ...shape], 5).data as Float32Array, shape },
      y: { data: Int32Array.from({ length: rows }, (_, i) => i % 3) },
    },
    batchSize: rows / 2,
    seed: 1,
    shuffle: true,
  });
  const loss = losses.softmaxCrossEntropy(logits, y);
  const trainer = new Trainer(session, {
    pipeline,
    loss,
    optimizer: optim.adam({ learningRate: 1e-3 }),
  });
  const { arena } = trainer.planReport().memory;
  await trainer.train({ untilEpoch: 3 });
  return { arena, variables: session.variables() };
}

function expectSameBits(a: Record<string, Tensor>, b: Record<string, Tensor>): void {
  expect(Object.keys(a)).toEqual(Object.keys(b));
  const differing = Object.keys(a).filter((name) => {
    const [p, q] = [a[name]?.data as Float32Array, b[name]?.data as Float32Array];
    return !p.every((value, i) => Object.is(value, q[i]));
  });
  expect(differing).toEqual([]);
}

test('a network of blocks that are computed again learns the same bits in less memory', async () => {
  const dense = (wrap: Wrap) =>
    trained(
      512,
      [32],
      Array.from({ length: 12 }, () => residual(32)),
      wrap,
    );
  const [whole, again] = [await dense(kept), await dense(nn.recompute)];
  expectSameBits(whole.variables, again.variables);
  expect(again.arena).toBeLessThan(whole.arena * 0.5);
}, 20_000);

test('so do convolutions with batch normalisation, whose statistics follow once', async () => {
  const pictures = (wrap: Wrap) =>
    trained(
      32,
      [12, 12, 8],
      Array.from({ length: 6 }, () => convolutions(8)),
      wrap,
    );
  const [whole, again] = [await pictures(kept), await pictures(nn.recompute)];
  expectSameBits(whole.variables, again.variables);
  expect(again.arena).toBeLessThan(whole.arena * 0.7);
}, 20_000);

test('a block gives what it computed, several values too, and a model takes one as a layer', async () => {
  const graph = new Graph();
  const x = graph.placeholder('x', [3]);
  const [a, b] = graph.recompute(() => [graph.exp(x), graph.sin(x)] as const);
  const [dx] = graph.gradients(graph.sum(graph.mul(a, b)), [x]);
  const result = new Session(graph).runSync({ x: tensor([0, 1, 2]) }, { dx: dx as typeof x });
  [0, 1, 2].forEach((v, i) => {
    const slope = Math.exp(v) * (Math.sin(v) + Math.cos(v));
    expect(result.dx.data[i]).toBeCloseTo(slope, 4);
  });
  expect(() => graph.recompute(() => x)).toThrow(/gives a value that it did not compute/);

  const input = models.input({ shape: [8], name: 'x' });
  const block = nn.recompute(nn.sequential([nn.dense(8, { activation: 'relu' }), nn.dense(8)]));
  const outputs = models.call(nn.dense(1), models.call(block, input));
  const net = models.model({ inputs: input, outputs, seed: 2 });
  net.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
  const data = { x: drawn([32, 8]), y: drawn([32, 1], 3) };
  const { history } = await net.fit(data, { epochs: 5 });
  expect(history.loss?.at(-1)).toBeLessThan(history.loss?.[0] as number);
});
