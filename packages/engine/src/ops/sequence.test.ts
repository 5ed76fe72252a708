import { expect, test } from 'vitest';
import type { Node, Tensor } from '../index.ts';
import { Graph, losses, nn, optim, Pipeline, Session, Trainer, tensor } from '../index.ts';

const training = { training: true };

function compute(build: (g: Graph, x: Node) => Node, x: Tensor): Tensor {
  const graph = new Graph({ seed: 3 });
  const input = graph.placeholder('x', [null, ...x.shape.slice(1)], x.dtype);
  return new Session(graph, { threads: 2 }).runSync({ x }, { y: build(graph, input) }).y;
}

function wave(shape: readonly number[]): Tensor {
  const count = shape.reduce((product, dim) => product * dim, 1);
  return tensor(
    Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898)),
    shape,
  );
}

function rowsOf({ data, shape }: Tensor): number[][] {
  const width = shape.at(-1) ?? 1;
  return Array.from({ length: data.length / width }, (_, row) =>
    Array.from(data.slice(row * width, (row + 1) * width) as Float32Array),
  );
}

test('recurrent layers give the last output, or all of them', () => {
  const x = wave([2, 5, 3]);
  expect(compute((_, n) => nn.lstm(4).apply(n, training), x).shape).toEqual([2, 4]);
  expect(
    compute((_, n) => nn.gru(4, { returnSequences: true }).apply(n, training), x).shape,
  ).toEqual([2, 5, 4]);
  const both = nn.bidirectional(nn.gru(4, { returnSequences: true }));
  expect(compute((_, n) => both.apply(n, training), x).shape).toEqual([2, 5, 8]);
});

test('one step of an lstm is its formula', () => {
  const sigmoid = (value: number) => 1 / (1 + Math.exp(-value));
  const graph = new Graph();
  const part = (values: number[], shape: number[]) => graph.constant(tensor(values, shape));
  const initial = { h: part([0.5], [1, 1]), c: part([-1], [1, 1]) };
  const w = part([0.1, 0.2, 0.3, 0.4], [1, 4]);
  const u = part([0.5, 0.6, 0.7, 0.8], [1, 4]);
  const bias = part([0, 1, 0, 0], [4]);
  const { h } = graph.lstm(graph.placeholder('x', [1, 1, 1]), w, u, bias, { initial });
  const feeds = { x: tensor([2], [1, 1, 1]) };
  const got = new Session(graph).runSync(feeds, { h }).h.data[0];
  const [i, f, g, o] = [0.45, 1.7, 0.95, 1.2] as [number, number, number, number];
  const c = sigmoid(f) * -1 + sigmoid(i) * Math.tanh(g);
  expect(got).toBeCloseTo(sigmoid(o) * Math.tanh(c), 6);
});

test('lengths leave out what comes after the end, in both directions', () => {
  const whole = wave([2, 5, 3]);
  const run = (x: Tensor, counts: Int32Array, reverse: boolean) => {
    const g = new Graph();
    const input = g.placeholder('x', [null, ...x.shape.slice(1)]);
    const lengths = g.placeholder('lengths', [null], 'i32');
    const w = g.variable('w', [3, 8], { kind: 'uniform', scale: 1 });
    const u = g.variable('u', [2, 8], { kind: 'uniform', scale: 1 });
    const bias = g.variable('bias', [8], { kind: 'uniform', scale: 1 });
    const { h } = g.lstm(input, w, u, bias, { lengths, reverse });
    return new Session(g).runSync({ x, lengths: tensor(counts) }, { h }).h;
  };
  const short = tensor((whole.data as Float32Array).slice(15, 24), [1, 3, 3]);
  for (const reverse of [false, true]) {
    const padded = rowsOf(run(whole, Int32Array.of(5, 3), reverse));
    expect(padded[1]).toEqual(rowsOf(run(short, Int32Array.of(3), reverse))[0]);
  }
});

test('the two layouts of heads and the packed one agree', () => {
  const x = wave([2, 6, 3 * 2 * 4]);
  const packed = compute((g, n) => g.selfAttention(n, { heads: 2, causal: true }), x);
  const parts = (g: Graph, n: Node) =>
    [0, 8, 16].map((begin) => g.slice(n, [0, 0, begin], [-1, -1, 8])) as [Node, Node, Node];
  const apart = compute((g, n) => g.attention(...parts(g, n), { heads: 2, causal: true }), x);
  const stacked = compute((g, n) => {
    const heads = parts(g, n).map((part) =>
      g.transpose(g.reshape(part, [0, 6, 2, 4]), [0, 2, 1, 3]),
    ) as [Node, Node, Node];
    const out = g.attention(...heads, { causal: true });
    return g.reshape(g.transpose(out, [0, 2, 1, 3]), [0, 6, 8]);
  }, x);
  expect(apart.data).toEqual(packed.data);
  expect(stacked.data).toEqual(packed.data);
});

test('a causal encoder does not see what comes later', () => {
  const encoder = () => nn.transformerEncoder(16, 2, { causal: true, activation: 'gelu' });
  const run = (x: Tensor) => rowsOf(compute((_, n) => encoder().apply(n, training), x));
  const first = wave([1, 6, 8]);
  const changed = tensor((first.data as Float32Array).slice(), [1, 6, 8]);
  (changed.data as Float32Array).fill(7, 5 * 8);
  expect(run(changed).slice(0, 5)).toEqual(run(first).slice(0, 5));
  expect(run(changed)[5]).not.toEqual(run(first)[5]);
});

test('an encoder ignores what the mask leaves out', () => {
  const x = wave([1, 5, 8]);
  const run = (kept: number[]) => {
    const graph = new Graph({ seed: 3 });
    const input = graph.placeholder('x', [null, 5, 8]);
    const mask = graph.placeholder('mask', [null, 5], 'bool');
    const y = nn.transformerEncoder(16, 2).apply(input, { training: false, mask });
    const feeds = { x, mask: tensor(Uint8Array.from(kept), [1, 5], 'bool') };
    return rowsOf(new Session(graph).runSync(feeds, { y }).y);
  };
  const rows = run([1, 1, 1, 0, 0]);
  const short = tensor((x.data as Float32Array).slice(0, 24), [1, 3, 8]);
  const alone = rowsOf(
    compute((_, n) => nn.transformerEncoder(16, 2).apply(n, { training: false }), short),
  );
  rows.slice(0, 3).forEach((row, i) => {
    row.forEach((value, j) => {
      expect(value).toBeCloseTo(alone[i]?.[j] as number, 5);
    });
  });
});

test('what does not fit is refused by name', () => {
  const graph = new Graph();
  const x = graph.placeholder('x', [null, 5, 6]);
  expect(() => nn.lstm(0).apply(x, training)).toThrow(/units must be a whole number/);
  expect(() => nn.transformerEncoder(8, 4).apply(x, training)).toThrow(
    /transformerEncoder: 6 features do not divide among 4 heads/,
  );
  expect(() => graph.attention(x, x, x, { heads: 4 })).toThrow(/attention: .* with 4 heads/);
  const flat = graph.placeholder('flat', [null, 6]);
  expect(() => nn.gru(3).apply(flat, training)).toThrow(/gru: takes a sequence \[batch, time/);
});

test('an lstm and an attention learn which of two marks came first', async () => {
  const rows = 256;
  const steps = 12;
  const tokens = new Int32Array(rows * steps);
  const labels = new Int32Array(rows);
  for (let n = 0; n < rows; n += 1) {
    const [early, late] = [n % 5, 5 + (n % 7)];
    labels[n] = (n * 7) % 3 === 0 ? 1 : 0;
    tokens[n * steps + early] = 1 + (labels[n] as number);
    tokens[n * steps + late] = 2 - (labels[n] as number);
  }
  const models = [
    [nn.embedding(3, 8), nn.bidirectional(nn.lstm(8)), nn.dense(2)],
    [
      nn.embedding(3, 8),
      nn.positionEmbedding(),
      nn.transformerEncoder(16, 2, { activation: 'gelu' }),
      nn.flatten(),
      nn.dense(2),
    ],
  ];
  for (const layers of models) {
    const graph = new Graph({ seed: 1 });
    const x = graph.placeholder('x', [null, steps], 'i32');
    const y = graph.placeholder('y', [null], 'i32');
    const loss = losses.softmaxCrossEntropy(nn.sequential(layers).apply(x, training), y);
    const pipeline = new Pipeline({
      columns: { x: { data: tokens, shape: [steps] }, y: { data: labels } },
      batchSize: 64,
      shuffle: true,
      seed: 1,
    });
    const session = new Session(graph, { threads: 1 });
    const optimizer = optim.adam({ learningRate: 0.01 });
    const trainer = new Trainer(session, { pipeline, loss, optimizer });
    let last = Number.POSITIVE_INFINITY;
    await trainer.train({
      untilEpoch: 40,
      onMetrics: (points) => {
        last = points.at(-1)?.loss ?? last;
      },
    });
    expect(last).toBeLessThan(0.1);
  }
});
