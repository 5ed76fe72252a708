import { expect, test } from 'vitest';
import type { Node, Optimizer } from './index.ts';
import { EngineError, Graph, losses, nn, optim, Pipeline, Session, Trainer } from './index.ts';

type Rule = (w: number, g: number, slots: number[], step: number) => number;

/** y = 3 x - 1 by a weight and a bias; whole batches, so that a step is a function of the two alone. */
function line(optimizer: Optimizer, options: { exclude?: string; batchSize?: number } = {}) {
  const xs = Float32Array.from({ length: 100 }, (_, i) => i / 50 - 1);
  const ys = xs.map((x) => 3 * x - 1);
  const graph = new Graph({ seed: 2 });
  const x = graph.placeholder('x', [null, 1]);
  const y = graph.placeholder('y', [null, 1]);
  const prediction = nn.dense(1).apply(x, { training: true });
  const session = new Session(graph, { threads: 1 });
  const pipeline = new Pipeline({
    columns: { x: { data: xs, shape: [1] }, y: { data: ys, shape: [1] } },
    batchSize: options.batchSize ?? 100,
  });
  const loss = losses.meanSquaredError(prediction, y);
  const exclude = options.exclude;
  const trainer = new Trainer(session, { pipeline, loss, optimizer, exclude });
  const read = () =>
    ['dense/weight', 'dense/bias'].map((name) => Number(session.variables()[name]?.data[0]));
  return { graph, session, trainer, pipeline, loss, xs, ys, read };
}

function gradient(xs: Float32Array, ys: Float32Array, [w, b]: [number, number]): [number, number] {
  let gw = 0;
  let gb = 0;
  xs.forEach((x, i) => {
    const error = w * x + b - (ys[i] as number);
    gw += (2 * error * x) / xs.length;
    gb += (2 * error) / xs.length;
  });
  return [gw, gb];
}

/** The textbook rule in double precision. */
function byHand(start: number[], steps: number, rule: Rule, initial: number[]) {
  const { xs, ys } = line(optim.sgd({ learningRate: 0 }));
  const values = [...start] as [number, number];
  const slots = [[...initial], [...initial]];
  for (let step = 0; step < steps; step += 1) {
    const both = gradient(xs, ys, values);
    both.forEach((g, k) => {
      values[k] = rule(values[k] as number, g, slots[k] as number[], step);
    });
  }
  return values;
}

const rms =
  (decay: number, momentum: number, centered: boolean): Rule =>
  (w, g, s) => {
    s[0] = decay * (s[0] as number) + (1 - decay) * g * g;
    s[1] = decay * (s[1] as number) + (1 - decay) * g;
    const variance = centered ? s[0] - s[1] ** 2 : s[0];
    s[2] = momentum * (s[2] as number) + g / (Math.sqrt(Math.max(variance, 0)) + 1e-8);
    return w - 0.01 * s[2];
  };

const rules: [string, Optimizer, Rule, number[]][] = [
  [
    'adagrad',
    optim.adagrad({ learningRate: 0.1, initialAccumulator: 0.1 }),
    (w, g, s) => {
      s[0] = (s[0] as number) + g * g;
      return w - (0.1 * g) / (Math.sqrt(s[0]) + 1e-10);
    },
    [0.1],
  ],
  ['rmsprop', optim.rmsprop({ learningRate: 0.01 }), rms(0.99, 0, false), [0, 0, 0]],
  [
    'rmsprop with momentum',
    optim.rmsprop({ learningRate: 0.01, momentum: 0.5, decay: 0.9 }),
    rms(0.9, 0.5, false),
    [0, 0, 0],
  ],
  [
    'rmsprop, centered',
    optim.rmsprop({ learningRate: 0.01, centered: true, momentum: 0.5, decay: 0.9 }),
    rms(0.9, 0.5, true),
    [0, 0, 0],
  ],
  [
    'amsgrad',
    optim.adam({ learningRate: 0.05, amsgrad: true, beta2: 0.9 }),
    (w, g, s, step) => {
      s[0] = 0.9 * (s[0] as number) + 0.1 * g;
      s[1] = 0.9 * (s[1] as number) + 0.1 * g * g;
      s[2] = Math.max(s[2] as number, s[1]);
      const second = Math.sqrt(s[2] / (1 - 0.9 ** (step + 1))) + 1e-7;
      return w - (0.05 * s[0]) / (1 - 0.9 ** (step + 1)) / second;
    },
    [0, 0, 0],
  ],
  [
    'ftrl',
    optim.ftrl({ learningRate: 0.5, l1: 0.02, l2: 0.01, beta: 0.1 }),
    (w, g, s) => {
      const after = (s[0] as number) + g * g;
      s[1] = (s[1] as number) + g - ((Math.sqrt(after) - Math.sqrt(s[0] as number)) / 0.5) * w;
      s[0] = after;
      const divisor = Math.sqrt(after) / 0.5 + 2 * (0.01 + 0.1 / (2 * 0.5));
      return (Math.min(Math.max(s[1], -0.02), 0.02) - s[1]) / divisor;
    },
    [0.1, 0],
  ],
  [
    'adamax',
    optim.adamax({ learningRate: 0.05, beta2: 0.9 }),
    (w, g, s, step) => {
      s[0] = 0.9 * (s[0] as number) + 0.1 * g;
      s[1] = Math.max(0.9 * (s[1] as number), Math.abs(g) + 1e-8);
      return w - ((0.05 / (1 - 0.9 ** (step + 1))) * s[0]) / s[1];
    },
    [0, 0],
  ],
  [
    'lion',
    optim.lion({ learningRate: 0.01, weightDecay: 0.1 }),
    (w, g, s) => {
      const moved = w - 0.01 * (Math.sign(0.9 * (s[0] as number) + 0.1 * g) + 0.1 * w);
      s[0] = 0.99 * (s[0] as number) + 0.01 * g;
      return moved;
    },
    [0],
  ],
  [
    // Variables of one element: the scale is |w| / |r|.
    'lamb',
    optim.lamb({ learningRate: 0.01, weightDecay: 0.1 }),
    (w, g, s, step) => {
      s[0] = 0.9 * (s[0] as number) + 0.1 * g;
      s[1] = 0.999 * (s[1] as number) + 0.001 * g * g;
      const root = Math.sqrt(s[1] / (1 - 0.999 ** (step + 1))) + 1e-6;
      const r = s[0] / (1 - 0.9 ** (step + 1)) / root + 0.1 * w;
      return w - 0.01 * (w === 0 || r === 0 ? 1 : Math.abs(w / r)) * r;
    },
    [0, 0],
  ],
  [
    'clipping by value',
    optim.sgd({ learningRate: 0.1, clipValue: 0.3 }),
    (w, g) => w - 0.1 * Math.min(Math.max(g, -0.3), 0.3),
    [],
  ],
  [
    'clipping each variable by its norm',
    optim.sgd({ learningRate: 0.1, clipVariableNorm: 0.3 }),
    (w, g) => w - 0.1 * Math.sign(g) * Math.min(Math.abs(g), 0.3),
    [],
  ],
];

test.each(rules)('%s follows its formula', async (_name, optimizer, rule, initial) => {
  const { trainer, read } = line(optimizer);
  const start = read();
  await trainer.train({ untilStep: 20 });
  const [weight, bias] = byHand(start, 20, rule, initial) as [number, number];
  expect(read()[0]).toBeCloseTo(weight, 4);
  expect(read()[1]).toBeCloseTo(bias, 4);
});

test('gradients accumulated over four batches are those of one batch of all their rows', async () => {
  const whole = line(optim.adam({ learningRate: 0.05 }));
  await whole.trainer.train({ untilStep: 5 });
  const rate = optim.piecewise([1000], [0.05, 0]);
  const parts = line(optim.accumulate(optim.adam({ learningRate: rate }), { steps: 4 }), {
    batchSize: 25,
  });
  const start = parts.read();
  await parts.trainer.train({ untilStep: 3 });
  expect(parts.read()).toEqual(start);
  await parts.trainer.train({ untilStep: 20 });
  parts.read().forEach((value, k) => {
    expect(value).toBeCloseTo(whole.read()[k] as number, 4);
  });
});

test('a moving average follows the weights, and can be looked at and put back', async () => {
  const { trainer, session, read } = line(
    optim.movingAverage(optim.sgd({ learningRate: 0.2 }), { decay: 0.9, fromStart: false }),
  );
  let wanted = 0;
  for (let step = 1; step <= 10; step += 1) {
    await trainer.train({ untilStep: step });
    wanted = step === 1 ? (read()[0] as number) : 0.9 * wanted + 0.1 * (read()[0] as number);
  }
  expect(Number(optim.averages(session)['dense/weight']?.data[0])).toBeCloseTo(wanted, 5);
  const own = read();
  const seen = await optim.withAverages(session, async () => read());
  expect(seen[0]).toBeCloseTo(wanted, 5);
  expect(read()).toEqual(own);
});

test('variables are frozen and thawed by their names, without building anything anew', async () => {
  const first = line(optim.momentum({ learningRate: 0.1 }), { exclude: 'dense/w*' });
  const [weight] = first.read();
  await first.trainer.train({ untilStep: 5 });
  expect(first.read()[0]).toBe(weight);
  const { session, pipeline, loss, trainer } = first;
  const optimizer = optim.momentum({ learningRate: 0.1 });
  const position = trainer.position;
  const second = new Trainer(session, { pipeline, loss, optimizer, include: /weight$/, position });
  const bias = first.read()[1];
  await second.train({ untilStep: 6 });
  expect(second.position.step).toBe(6);
  expect(first.read()[0]).not.toBe(weight);
  expect(first.read()[1]).toBe(bias);
  expect(() => new Trainer(session, { pipeline, loss, optimizer, include: 'dens/*' })).toThrow(
    EngineError,
  );
});

test('an optimizer written over the raw graph trains like the built-in one', async () => {
  // Lion (Chen et al., 2023): the sign of a blend of gradient and momentum.
  const lion = optim.customOptimizer('lion', { learningRate: 0.01 }, (context) => {
    const { graph: g, variable, gradient, rate, slot, assign } = context;
    const mean = slot('lion');
    const direction = g.sign(g.add(g.mul(mean, 0.9), g.mul(gradient, 0.1)));
    return [
      assign(variable, g.sub(variable, g.mul(direction, rate))),
      assign(mean, g.add(g.mul(mean, 0.99), g.mul(gradient, 0.01))),
    ];
  });
  const { trainer, read } = line(lion);
  const start = read();
  await trainer.train({ untilStep: 30 });
  const [weight, bias] = byHand(
    start,
    30,
    (w, g, s) => {
      const moved = w - 0.01 * Math.sign(0.9 * (s[0] as number) + 0.1 * g);
      s[0] = 0.99 * (s[0] as number) + 0.01 * g;
      return moved;
    },
    [0],
  ) as [number, number];
  expect(read()[0]).toBeCloseTo(weight, 4);
  expect(read()[1]).toBeCloseTo(bias, 4);
  const averaged = line(optim.accumulate(lion, { steps: 2 }));
  await averaged.trainer.train({ untilStep: 60 });
  expect(averaged.read()[0]).toBeCloseTo(weight, 4);
});

test('the rate falls when an observed value stops improving', () => {
  const plateau = optim.reduceOnPlateau(0.1, { factor: 0.5, patience: 1, floor: 0.03 });
  const { session } = line(optim.sgd({ learningRate: plateau.schedule }));
  const seen = [3, 2, 2, 2, 1, 1, 1, 1, 1, 1].map((value) => plateau.observe(session, value));
  expect(seen.map((rate) => Number(rate.toFixed(4)))).toEqual([
    0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.03, 0.03, 0.03, 0.03,
  ]);
});

function rates(schedule: (step: Node) => Node, steps: readonly number[]): number[] {
  const graph = new Graph();
  const rate = schedule(graph.step());
  const session = new Session(graph, { threads: 1 });
  return steps.map((step) => Number(session.runSync({}, { rate }, { step }).rate.data[0]));
}

test('schedules follow their curves', () => {
  const close = (got: number[], wanted: number[]) =>
    got.forEach((value, i) => {
      expect(value).toBeCloseTo(wanted[i] as number, 5);
    });
  close(
    rates(optim.polynomial(1, { steps: 10, end: 0.2, power: 2 }), [0, 5, 10, 20]),
    [1, 0.4, 0.2, 0.2],
  );
  close(
    rates(optim.piecewise([2, 5], [1, 0.5, 0.1]), [0, 1, 2, 4, 5, 9]),
    [1, 1, 0.5, 0.5, 0.1, 0.1],
  );
  const half = (share: number) => 0.5 + 0.5 * Math.cos(Math.PI * share);
  close(rates(optim.cosineRestarts(1, { steps: 4 }), [0, 1, 3, 4, 6]), [
    1,
    half(0.25),
    half(0.75),
    1,
    0.5,
  ]);
  close(rates(optim.cosineRestarts(1, { steps: 4, growth: 2 }), [0, 3, 4, 8, 12, 27]), [
    1,
    half(0.75),
    1,
    0.5,
    1,
    half(15 / 16),
  ]);
  close(rates(optim.oneCycle(1, { steps: 100 }), [0, 29, 99]), [1 / 25, 1, 1 / 250_000]);
  expect(() => optim.piecewise([5, 2], [1, 2, 3])).toThrow(EngineError);
});

test('a wrong wish is an error that says what would be right', () => {
  const graph = new Graph();
  const w = graph.variable('w', [3], { kind: 'ones' });
  const loss = graph.sum(w);
  const both = optim.sgd({ learningRate: 1, clipNorm: 1, clipValue: 1 });
  expect(() => both.minimize(loss)).toThrow('in one way only');
  expect(() => optim.sgd({ learningRate: Number.NaN })).toThrow(EngineError);
  expect(() => optim.accumulate(both, { steps: 0 })).toThrow(EngineError);
  expect(() => optim.movingAverage(both, { decay: 1 })).toThrow(EngineError);
  expect(() => optim.sgd({ learningRate: 1 }).minimize(loss, { exclude: 'w' })).toThrow(
    'no variable to train',
  );
  expect(() => graph.emitEffect('apply_adam', [w, w, w, w])).toThrow(EngineError);
});
