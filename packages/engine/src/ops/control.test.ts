import { expect, test } from 'vitest';
import type { Node } from '../index.ts';
import { Graph, losses, optim, Pipeline, Session, Trainer, tensor } from '../index.ts';
import { drawn, gradientError } from './finite-differences.fixture.ts';
import { compute, numbers } from './operations.fixture.ts';

/** One step of a damped oscillator by Heun's method: [position, speed], with stiffness and damping. */
function oscillate(g: Graph, state: Node, rates: Node, dt: number): Node {
  const turn = g.constant(tensor([0, 1], [1, 2]));
  const slope = (s: Node) => {
    const force = g.neg(g.sum(g.mul(s, rates)));
    const speed = g.sum(g.mul(s, g.reshape(turn, [2])));
    return g.stack([speed, force]);
  };
  const first = slope(state);
  const second = slope(g.add(state, g.mul(first, dt)));
  return g.add(state, g.mul(g.add(first, second), dt / 2));
}

function trajectory(g: Graph, start: Node, rates: Node, steps: number): Node {
  const { results } = g.scan({ states: [start], shared: [rates], steps }, (step) => {
    const next = oscillate(step.graph, step.states[0] as Node, step.shared[0] as Node, 0.1);
    return { states: [next], results: [next] };
  });
  return results[0] as Node;
}

test('a scan carries states, reads sequences and lays its results side by side', () => {
  const build = (g: Graph, x: Node) =>
    g.scan({ states: [g.constant(0)], sequences: [x] }, ({ graph, states, elements }) => {
      const total = graph.add(states[0] as Node, elements[0] as Node);
      return { states: [total], results: [graph.mul(total, 2)] };
    });
  const x = tensor([1, 2, 3, 4]);
  expect(numbers(compute((g, n) => build(g, n).results[0] as Node, x))).toEqual([2, 6, 12, 20]);
  expect(numbers(compute((g, n) => build(g, n).states[0] as Node, x))).toEqual([10]);
  // Two states that change their places, backwards.
  const swapped = compute(
    (g, n) => {
      const [a, b] = [g.constant(1), g.constant(2)];
      const { states, results } = g.scan(
        { states: [a, b], sequences: [n], reverse: true },
        (s) => ({
          states: [s.states[1] as Node, s.states[0] as Node],
          results: [s.elements[0] as Node],
        }),
      );
      return g.concat([g.stack(states), results[0] as Node], 0);
    },
    tensor([7, 8, 9]),
  );
  expect(numbers(swapped)).toEqual([2, 1, 7, 8, 9]);
});

test('gradients of a scan reach its states, its sequences and what is shared, to any order', () => {
  const build = (g: Graph, h: Node, x: Node, w: Node) => {
    const { states, results } = g.scan({ states: [h], sequences: [x], shared: [w] }, (s) => {
      const { graph } = s;
      const [state, element, weight] = [s.states[0], s.elements[0], s.shared[0]] as [
        Node,
        Node,
        Node,
      ];
      const next = graph.tanh(graph.add(graph.matmul(state, weight), element));
      return { states: [next], results: [graph.mul(next, next)] };
    });
    return g.concat([states[0] as Node, g.reshape(results[0] as Node, [-1, 2])], 0);
  };
  const feeds = [drawn([3, 2]), drawn([4, 3, 2], 2), drawn([2, 2], 3)] as const;
  expect(gradientError(build, ...feeds)).toBeLessThan(0.02);
  const second = (g: Graph, h: Node, x: Node, w: Node) => {
    const y = g.sum(g.square(build(g, h, x, w)));
    return g.concat(
      g.gradients(y, [h, x, w]).map((gradient) => g.reshape(gradient, [-1])),
      0,
    );
  };
  expect(gradientError(second, ...feeds)).toBeLessThan(0.04);
});

test('a recurrent network as a scan is the one that is laid out step by step, for any batch', () => {
  const graph = new Graph({ seed: 4 });
  const x = graph.placeholder('x', [null, 5, 3]);
  const w = graph.variable('w', [3, 2], { kind: 'glorotUniform' });
  const u = graph.variable('u', [2, 2], { kind: 'uniform', scale: 1 });
  const bias = graph.variable('bias', [2], { kind: 'constant', value: 0.1 });
  const steps = graph.transpose(graph.dense(x, w, bias), [1, 0, 2]);
  const start = graph.zerosLike(graph.squeeze(graph.slice(steps, [0, 0, 0], [1, -1, -1]), 0));
  const { results } = graph.scan({ states: [start], sequences: [steps], shared: [u] }, (s) => {
    const [h, now, weight] = [s.states[0], s.elements[0], s.shared[0]] as [Node, Node, Node];
    const next = s.graph.tanh(s.graph.add(now, s.graph.matmul(h, weight)));
    return { states: [next], results: [next] };
  });
  const scanned = graph.transpose(results[0] as Node, [1, 0, 2]);
  const laid = graph.simpleRnn(x, w, u, bias).y;
  const slopes = (y: Node) => graph.gradients(graph.sum(graph.square(y)), [w, u, bias]) as Node[];
  const [first, second] = [slopes(scanned), slopes(laid)];
  const session = new Session(graph, { threads: 2 });
  for (const batch of [1, 4]) {
    const feeds = { x: drawn([batch, 5, 3], batch) };
    const got = session.runSync(feeds, { scanned, laid });
    expect(got.scanned.shape).toEqual([batch, 5, 2]);
    got.scanned.data.forEach((value, i) => {
      expect(Number(value)).toBeCloseTo(Number(got.laid.data[i]), 5);
    });
    first.forEach((node, k) => {
      const both = session.runSync(feeds, { a: node, b: second[k] as Node });
      both.a.data.forEach((value, i) => {
        expect(Number(value)).toBeCloseTo(Number(both.b.data[i]), 4);
      });
    });
  }
});

test('a loop ends when its condition does, and its gradient knows how often it ran', () => {
  // Newton's way to a square root.
  const build = (g: Graph, x: Node) =>
    g.whileLoop(
      { states: [g.add(g.mul(x, 0), 1)], shared: [x], stepsMax: 50 },
      ({ graph, states, shared }) => {
        const off = graph.sub(graph.square(states[0] as Node), shared[0] as Node);
        return graph.greater(graph.abs(off), 1e-4);
      },
      ({ graph, states, shared }) => {
        const root = states[0] as Node;
        return [graph.mul(graph.add(root, graph.div(shared[0] as Node, root)), 0.5)];
      },
    );
  const x = tensor([9], []);
  const count = numbers(compute((g, n) => build(g, n).count, x))[0] as number;
  expect(count).toBeGreaterThan(3);
  expect(count).toBeLessThan(10);
  expect(numbers(compute((g, n) => build(g, n).states[0] as Node, x))[0]).toBeCloseTo(3, 4);
  const slope = compute((g, n) => g.gradients(build(g, n).states[0] as Node, [n])[0] as Node, x);
  expect(numbers(slope)[0]).toBeCloseTo(1 / 6, 3);
});

test('one of two bodies runs, and gives the gradient', () => {
  const build = (g: Graph, x: Node) =>
    g.cond(
      g.greater(g.sum(x), 0),
      [x],
      (b, n) => [b.square(n as Node)],
      (b, n) => [b.mul(n as Node, 3)],
    )[0] as Node;
  for (const [x, y, slope] of [
    [tensor([1, 2]), [1, 4], [2, 4]],
    [tensor([-1, -2]), [-3, -6], [3, 3]],
  ] as const) {
    expect(numbers(compute(build, x))).toEqual(y);
    const gradient = compute((g, n) => g.gradients(g.sum(build(g, n)), [n])[0] as Node, x);
    expect(numbers(gradient)).toEqual(slope);
  }
  // What the other body would complain about is never looked at.
  const safe = compute(
    (g, x) =>
      g.cond(
        g.less(g.sum(x), 0),
        [x],
        (b, n) => [b.cholesky(n as Node)],
        (_, n) => [n as Node],
      )[0] as Node,
    tensor([0, 0, 0, 0], [2, 2]),
  );
  expect(numbers(safe)).toEqual([0, 0, 0, 0]);
});

test('a differential equation is integrated and its parameters are found by gradient', async () => {
  const graph = new Graph({ seed: 1 });
  const start = graph.constant(tensor([1, 0]));
  const truth = [2, 0.3];
  const observed = compute((g) =>
    trajectory(g, g.constant(tensor([1, 0])), g.constant(tensor(truth)), 60),
  );
  const rates = graph.variable('rates', [2], { kind: 'constant', value: 1 });
  const seen = graph.placeholder('seen', [null, 120]);
  const path = graph.reshape(trajectory(graph, start, rates, 60), [1, 120]);
  const loss = losses.meanSquaredError(graph.expand(path, [1, 120]), seen);
  const session = new Session(graph, { threads: 1 });
  const pipeline = new Pipeline({
    columns: { seen: { data: observed.data as Float32Array, shape: [120] } },
    batchSize: 1,
  });
  const trainer = new Trainer(session, {
    pipeline,
    loss,
    optimizer: optim.adam({ learningRate: 0.05 }),
  });
  await trainer.train({ untilStep: 400 });
  const found = Array.from(session.variables().rates?.data as Float32Array);
  expect(found[0]).toBeCloseTo(2, 2);
  expect(found[1]).toBeCloseTo(0.3, 2);
});

test('control flow goes into files and comes back, bodies and gradients included', () => {
  const graph = new Graph();
  const x = graph.placeholder('x', [2]);
  const rates = graph.placeholder('rates', [2]);
  const y = graph.sum(graph.square(trajectory(graph, x, rates, 5)));
  const feeds = { x: tensor([1, 0]), rates: tensor([2, 0.3]) };
  const [dy] = graph.gradients(y, [rates]) as [Node];
  const copy = Graph.load(graph.toJSON([y, dy]));
  const [again, slope] = copy.outputs as [Node, Node];
  const before = new Session(graph).runSync(feeds, { y, dy });
  const after = new Session(copy.graph).runSync(feeds, { y: again, dy: slope });
  expect(numbers(after.y)).toEqual(numbers(before.y));
  expect(numbers(after.dy)).toEqual(numbers(before.dy));
});

test('a body that does not fit is refused with what would', () => {
  const graph = new Graph();
  const x = graph.placeholder('x', [3, 2]);
  const state = graph.constant(tensor([0, 0]));
  const scan = (body: Parameters<Graph['scan']>[1]) =>
    graph.scan({ states: [state], sequences: [x] }, body);
  expect(() => scan((s) => ({ states: [s.graph.sum(s.states[0] as Node)] }))).toThrow(
    /state 0 is f32\[2\] before a step and f32\[\] after it/,
  );
  expect(() => scan(() => ({ states: [] }))).toThrow(/gives 0 states for 1/);
  expect(() => scan((s) => ({ states: [s.graph.dropout(s.states[0] as Node, 0.5)] }))).toThrow(
    /cannot hold 'dropout'/,
  );
  expect(() => scan((s) => ({ states: [s.graph.add(s.states[0] as Node, x)] }))).toThrow(
    /a node of another graph/,
  );
  expect(() => graph.scan({ states: [state] }, (s) => ({ states: s.states }))).toThrow(/length/);
});
