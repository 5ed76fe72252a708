import { expect, test } from 'vitest';
import {
  EngineError,
  Graph,
  losses,
  nn,
  optim,
  Pipeline,
  Session,
  Trainer,
  tensor,
} from '../index.ts';

const table = [1, 2, 10, 20, 100, 200];

function rows(build: (g: Graph, table: ReturnType<Graph['constant']>) => ReturnType<Graph['add']>) {
  const graph = new Graph();
  const out = build(graph, graph.constant(tensor(table, [3, 2])));
  return Array.from(new Session(graph, { threads: 1 }).runSync({}, { out }).out.data, Number);
}
const integers = (values: number[], shape = [values.length]) => tensor(values, shape, 'i32');

test('bags sum and average rows, weighted, padded, or cut at offsets', () => {
  const padded = integers([0, 1, -1, 2, -1, -1, -1, -1, -1], [3, 3]);
  expect(rows((g, t) => g.embeddingBag(t, g.constant(padded)))).toEqual([11, 22, 100, 200, 0, 0]);
  expect(rows((g, t) => g.embeddingBag(t, g.constant(padded), { mode: 'mean' }))).toEqual([
    5.5, 11, 100, 200, 0, 0,
  ]);
  const weights = tensor([2, 0.5, 9], [1, 3]);
  expect(
    rows((g, t) =>
      g.embeddingBag(t, g.constant(integers([0, 1, -1], [1, 3])), {
        weights: g.constant(weights),
      }),
    ),
  ).toEqual([7, 14]);
  expect(
    rows((g, t) =>
      g.embeddingBagOffsets(t, g.constant(integers([0, 1, 2])), g.constant(integers([0, 2, 2])), {
        mode: 'mean',
      }),
    ),
  ).toEqual([5.5, 11, 0, 0, 100, 200]);
});

test('wrong bags are errors that name what would fit', () => {
  const graph = new Graph();
  const t = graph.constant(tensor(table, [3, 2]));
  const flat = graph.placeholder('i', [null], 'i32');
  expect(() => graph.embeddingBag(t, graph.constant(tensor([1])))).toThrow('i32 or i64');
  expect(() => graph.embeddingBag(graph.constant(1), flat)).toThrow('[rows, dim]');
  expect(() => graph.embeddingBag(t, flat, { mode: 'mean', weights: flat })).toThrow(EngineError);
  expect(() => graph.sampleIndices(flat, [0, 0], 2)).toThrow('not all 0');
  const out = graph.segmentSum(t, flat);
  const session = new Session(graph, { threads: 1 });
  expect(() => session.runSync({ i: integers([0, 5]) }, { out })).toThrow('never fall');
});

test('skip-gram by ops of the graph learns which words stand together', async () => {
  // Word w stands beside w ^ 1 alone.
  const graph = new Graph({ seed: 5 });
  const centre = graph.placeholder('centre', [null], 'i32');
  const context = graph.placeholder('context', [null], 'i32');
  const init = { kind: 'uniform', scale: 0.1 } as const;
  const inputs = graph.variable('inputs', [20, 8], init);
  const outputs = graph.variable('outputs', [20, 8], init);
  const negatives = graph.sampleIndices(centre, Array(20).fill(1), 4);
  const loss = graph.mean(graph.negativeSampling(inputs, outputs, { centre, context, negatives }));
  const session = new Session(graph, { threads: 2 });
  const numbers = Int32Array.from({ length: 20 }, (_, i) => i);
  const pipeline = new Pipeline({
    columns: { centre: { data: numbers }, context: { data: numbers.map((w) => w ^ 1) } },
    batchSize: 20,
  });
  const optimizer = optim.adagrad({ learningRate: 0.5 });
  const trainer = new Trainer(session, { pipeline, loss, optimizer });
  const seen: number[] = [];
  await trainer.train({
    untilStep: 200,
    onMetrics: (points) => seen.push(...points.map((point) => point.loss)),
  });
  expect(seen[0]).toBeGreaterThan(3);
  expect(seen.at(-1)).toBeLessThan(0.5);
  const report = session.planReport({ centre: [20], context: [20] }, { loss });
  expect(report.steps.join()).not.toContain('reference');
});

test('an embedding is trained by the rows of its batch alone, in a plan of few steps', async () => {
  const graph = new Graph({ seed: 1 });
  const c = graph.placeholder('c', [null, 2], 'i32');
  const y = graph.placeholder('y', [null, 1]);
  const column = (i: number) => graph.reshape(graph.slice(c, [0, i], [-1, 1]), [-1]);
  const mode = { training: true };
  const parts = [0, 1].map((i) => nn.embedding(1000, 4).apply(column(i), mode));
  const loss = losses.meanSquaredError(nn.dense(1).apply(graph.concat(parts, 1), mode), y);
  const session = new Session(graph, { threads: 2 });
  const pipeline = new Pipeline({
    columns: {
      c: { data: Int32Array.of(1, 2, 3, 4, 1, 900), shape: [2] },
      y: { data: Float32Array.of(1, 2, 3), shape: [1] },
    },
    batchSize: 3,
  });
  const optimizer = optim.adam({ learningRate: 0.1, lazy: true, clipNorm: 1 });
  const trainer = new Trainer(session, { pipeline, loss, optimizer });
  const before = session.variables();
  await trainer.train({ untilStep: 3 });
  const after = session.variables();
  const moved = Array.from({ length: 1000 }, (_, row) => row).filter(
    (row) => after['embedding/table']?.data[row * 4] !== before['embedding/table']?.data[row * 4],
  );
  expect(moved).toEqual([1, 3]);
});
