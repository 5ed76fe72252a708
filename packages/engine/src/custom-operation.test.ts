import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Node } from './index.ts';
import {
  defineOperation,
  Graph,
  losses,
  nn,
  optim,
  Pipeline,
  Session,
  saveArtifact,
  Trainer,
  tensor,
} from './index.ts';
import { drawn, gradientError } from './ops/finite-differences.fixture.ts';
import { numbers } from './ops/operations.fixture.ts';

/** x * tanh(beta * x), by autodiff. */
const bend = defineOperation({
  name: 'tests/bend',
  forward: (graph, x: Node, beta: Node) => graph.mul(x, graph.tanh(graph.mul(beta, x))),
});

/** Its quotient and its remainder by a step, the quotient rounded; the gradient goes straight through (Bengio et al., 2013). */
const quantize = defineOperation({
  name: 'tests/quantize',
  forward: (graph, x: Node, step: Node) => {
    const level = graph.round(graph.div(x, step));
    return [graph.mul(level, step), graph.cast(level, 'i32')];
  },
  gradient: (_graph, { gradient }) => [gradient, undefined],
});

/** The softplus of both inputs' product, with the derivative written by hand, of its output. */
const soft = defineOperation({
  name: 'tests/soft',
  forward: (graph, a: Node, b: Node) => graph.softplus(graph.mul(a, b)),
  gradient: (graph, { inputs: [a, b], output, gradient }) => {
    const slope = graph.mul(gradient, graph.sub(1, graph.exp(graph.neg(output))));
    return [graph.mul(slope, b), graph.sum(graph.mul(slope, a), 0)];
  },
});

test('the gradient of a defined operation agrees with finite differences, by autodiff and by hand', () => {
  const x = drawn([3, 4]);
  expect(gradientError((_g, a, b) => bend(a as Node, b as Node), x, drawn([4], 2))).toBeLessThan(
    2e-2,
  );
  expect(gradientError((_g, a) => bend(bend(a as Node, 2), 1), x)).toBeLessThan(2e-2);
  expect(gradientError((_g, a, b) => soft(a as Node, b as Node), x, drawn([4], 3))).toBeLessThan(
    2e-2,
  );
  // A gradient of the gradient, through both kinds.
  const twice = (g: Graph, a: Node) => {
    const y = soft(bend(a, 2), g.constant(drawn([4], 5)));
    return g.gradients(g.sum(g.square(y)), [a])[0] as Node;
  };
  expect(gradientError((g, a) => twice(g, a as Node), x)).toBeLessThan(2e-2);
});

test("an own gradient is used where autodiff's would be another, and outputs may be of any dtype", () => {
  const graph = new Graph();
  const x = graph.placeholder('x', [null]);
  const [value, level] = quantize(graph.mul(x, 3), 0.5) as [Node, Node];
  const loss = graph.sum(graph.square(value));
  const dx = graph.gradients(loss, [x])[0] as Node;
  const result = new Session(graph).runSync({ x: tensor([0.5, 1.1]) }, { value, level, dx });
  expect(numbers(result.value)).toEqual([1.5, 3.5]);
  expect([...(result.level.data as Int32Array)]).toEqual([3, 7]);
  // 2 * value * 3; rounding alone would let nothing through.
  expect(numbers(result.dx)).toEqual([9, 21]);
});

test('a network trains through a defined operation, and a process that never heard of it goes on', async () => {
  const graph = new Graph({ seed: 3 });
  const x = graph.placeholder('x', [null, 2]);
  const y = graph.placeholder('y', [null, 1]);
  const hidden = nn.dense(8).apply(x, { training: true });
  const sign = nn.dense(1).apply(quantize(bend(hidden, 1), 0.125)[0] as Node, { training: true });
  const loss = losses.meanSquaredError(sign, y);
  const session = new Session(graph, { threads: 1 });
  const inputs = drawn([64, 2], 8);
  const data = inputs.data as Float32Array;
  const products = Float32Array.from(
    { length: 64 },
    (_, i) => Number(data[2 * i]) * Number(data[2 * i + 1]),
  );
  const pipeline = new Pipeline({
    columns: { x: { data, shape: [2] }, y: { data: products, shape: [1] } },
    batchSize: 64,
  });
  const optimizer = optim.adam({ learningRate: 0.03 });
  const seen: number[] = [];
  await new Trainer(session, { pipeline, loss, optimizer }).train({
    untilStep: 200,
    onMetrics: (points) => seen.push(...points.map((point) => point.loss)),
  });
  expect(seen.at(-1)).toBeLessThan((seen[0] as number) / 10);

  const dir = mkdtempSync(join(tmpdir(), 'vanda-custom-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  await saveArtifact(dir, {
    session,
    signatures: { predict: { inputs: { x }, outputs: { sign } } },
  });
  const feed = tensor(data.slice(0, 8), [4, 2]);
  const slope = graph.gradients(graph.sum(sign), [x])[0] as Node;
  const here = session.runSync({ x: feed }, { sign, slope });
  // There, the answer comes from the artifact, and the slope is differentiated anew.
  const script = `
    import { readFileSync } from 'node:fs';
    import { Graph, Session, loadArtifact, readSafetensors, tensor } from '${new URL('index.ts', import.meta.url).href}';
    const x = tensor([${numbers(feed)}], [4, 2]);
    const { sign } = await (await loadArtifact('${dir}', { threads: 1 })).run('predict', { x });
    const model = JSON.parse(readFileSync('${dir}/model.json', 'utf8'));
    const { graph, outputs } = Graph.load(model.graph);
    const y = outputs[model.signatures.predict.outputs.sign];
    const [dx] = graph.gradients(graph.sum(y), [graph.byName('x')]);
    const session = new Session(graph, { threads: 1 });
    session.assign((await readSafetensors('${dir}/weights.safetensors')).tensors);
    const slope = session.runSync({ x }, { dx }).dx;
    console.log(JSON.stringify({ sign: [...sign.data], slope: [...slope.data] }));`;
  const options = { encoding: 'utf8' } as const;
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], options);
  const there = JSON.parse(out.trim().split('\n').at(-1) as string);
  expect(there).toEqual({ sign: numbers(here.sign), slope: numbers(here.slope) });
}, 20_000);

test('what does not fit is refused with the name of the operation and of its part', () => {
  const graph = new Graph();
  const x = graph.placeholder('x', [null, 4]);
  const wide = graph.placeholder('wide', [null, 5]);
  expect(() => soft(x, wide)).toThrow(
    'tests/soft: forward at mul: the shapes [batch, 4] and [batch, 5] do not broadcast together',
  );
  expect(() => soft(x, x)).toThrow(
    /tests\/soft: the gradient towards input 1 must be f32\[batch, 4\] like the input, not f32\[4\]/,
  );
  const weight = graph.variable('w', [4], { kind: 'ones' });
  const outer = defineOperation({ name: 'tests/outer', forward: (_g, a: Node) => weight ?? a });
  expect(() => outer(x)).toThrow('tests/outer: forward may use its inputs alone');
  const random = defineOperation({
    name: 'tests/random',
    forward: (g, a: Node) => g.dropout(a, 0.5),
  });
  expect(() => random(x)).toThrow(/tests\/random: a body cannot hold 'dropout': give it variables/);
  const short = defineOperation({
    name: 'tests/short',
    forward: (g, a: Node, b: Node) => g.add(a, b),
    gradient: (_g, { gradient }) => [gradient],
  });
  expect(() => short(x, x)).toThrow(/tests\/short: gradient must give a list of 2, one for each/);
  expect(() => graph.call('tests/unheard', x)).toThrow(/no operation 'tests\/unheard' is defined/);
  const forward = (_g: Graph, a: Node) => a;
  for (const name of ['tests/bend', 'conv2d', '', '1x', 'a b'])
    expect(() => defineOperation({ name, forward })).toThrow(/^defineOperation: /);
});
