import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  EngineError,
  Graph,
  losses,
  metrics,
  nn,
  optim,
  Pipeline,
  Session,
  Trainer,
} from './index.ts';

const rows = 1000;

function spiral(): { points: Float32Array; labels: Int32Array } {
  const points = new Float32Array(rows * 2);
  const labels = new Int32Array(rows);
  for (let i = 0; i < rows; i += 1) {
    const label = i % 3;
    const radius = Math.floor(i / 3) / (rows / 3);
    const angle = radius * 4 + (label * 2 * Math.PI) / 3;
    points[2 * i] = radius * Math.sin(angle);
    points[2 * i + 1] = radius * Math.cos(angle);
    labels[i] = label;
  }
  return { points, labels };
}

function build(threads: number) {
  const { points, labels } = spiral();
  const graph = new Graph({ seed: 1 });
  const x = graph.placeholder('x', [null, 2]);
  const y = graph.placeholder('y', [null], 'i32');
  const model = nn.sequential([
    nn.dense(64, { activation: 'relu' }),
    nn.dropout(0.1),
    nn.dense(64, { activation: 'tanh' }),
    nn.batchNorm(),
    nn.dense(3),
  ]);
  const logits = model.apply(x, { training: true });
  const session = new Session(graph, { threads });
  const pipeline = new Pipeline({
    columns: { x: { data: points, shape: [2] }, y: { data: labels } },
    batchSize: 64,
    shuffle: true,
    seed: 3,
  });
  const trainer = new Trainer(session, {
    pipeline,
    loss: losses.softmaxCrossEntropy(logits, y),
    optimizer: optim.adam({ learningRate: optim.warmup(10, optim.cosine(0.01, { steps: 1000 })) }),
    metrics: { accuracy: metrics.accuracy(logits, y) },
  });
  const served = model.apply(x, { training: false });
  return { graph, session, trainer, pipeline, served, accuracy: metrics.accuracy(served, y), x };
}

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'vanda-engine-'));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

test('an mlp learns a spiral, and a run resumed from a checkpoint ends bit-identical', async () => {
  const whole = build(2);
  const points: number[] = [];
  const done = await whole.trainer.train({
    untilEpoch: 40,
    onMetrics: (batch) => points.push(...batch.map((p) => p.step)),
  });
  expect(done).toEqual({ reason: 'finished', position: { epoch: 40, batch: 0, step: 640 } });
  expect(points).toEqual(Array.from({ length: 640 }, (_, i) => i + 1));
  const { accuracy } = await whole.trainer.evaluate(whole.pipeline, { accuracy: whole.accuracy });
  const mean = (accuracy.data as Float32Array).reduce((a, b) => a + b, 0) / accuracy.data.length;
  expect(mean).toBeGreaterThan(0.95);

  const file = join(folder(), 'checkpoint.safetensors');
  const first = build(2);
  await first.trainer.train({ untilStep: 333 });
  await first.trainer.checkpoint(file, { note: 'half way' });
  const second = build(2);
  const restored = await second.trainer.restore(file);
  expect(restored).toEqual({
    position: { epoch: 20, batch: 13, step: 333 },
    metadata: { note: 'half way' },
  });
  await second.trainer.train({ untilEpoch: 40 });
  expect(second.session.variables()).toEqual(whole.session.variables());
});

/** y = 3 x - 1 with noise-free rows: small enough to follow by hand. */
function line(optimizer: ReturnType<typeof optim.sgd>, batchSize = 10) {
  const xs = Float32Array.from({ length: 100 }, (_, i) => i / 50 - 1);
  const ys = xs.map((x) => 3 * x - 1);
  const graph = new Graph({ seed: 2 });
  const x = graph.placeholder('x', [null, 1]);
  const y = graph.placeholder('y', [null, 1]);
  const prediction = nn.dense(1).apply(x, { training: true });
  const session = new Session(graph, { threads: 1 });
  const pipeline = new Pipeline({
    columns: { x: { data: xs, shape: [1] }, y: { data: ys, shape: [1] } },
    batchSize,
    shuffle: true,
  });
  const loss = losses.meanSquaredError(prediction, y);
  return { session, trainer: new Trainer(session, { pipeline, loss, optimizer }), xs, ys };
}

test('stop() ends a run before its next step, and train() goes on from there', async () => {
  const { trainer } = line(optim.sgd({ learningRate: 1e-6 }));
  const running = trainer.train({ untilStep: 1e9 });
  await expect(trainer.train({ untilStep: 5 })).rejects.toMatchObject({ code: 'busy' });
  await new Promise((resolve) => setTimeout(resolve, 50));
  trainer.stop();
  const { reason, position } = await running;
  expect(reason).toBe('stopped');
  expect(position.step).toBeGreaterThan(0);
  const next = await trainer.train({ untilStep: position.step + 3 });
  expect(next).toMatchObject({ reason: 'finished', position: { step: position.step + 3 } });
  expect(await trainer.train({ untilEpoch: 0 })).toMatchObject({
    position: { step: position.step + 3 },
  });
});

test('a loss that grows without bound ends the run with the code diverged', async () => {
  const { trainer } = line(optim.sgd({ learningRate: 1e30 }));
  const run = trainer.train({ untilEpoch: 50 });
  await expect(run).rejects.toBeInstanceOf(EngineError);
  await expect(run).rejects.toMatchObject({ code: 'diverged' });
});

test('a checkpoint taken while training holds one step boundary', async () => {
  const file = join(folder(), 'running.safetensors');
  const first = line(optim.adam({ learningRate: 0.01 }));
  const running = first.trainer.train({ untilStep: 1e9 });
  const position = await first.trainer.checkpoint(file);
  first.trainer.stop();
  await running;
  const restored = line(optim.adam({ learningRate: 0.01 }));
  await restored.trainer.restore(file);
  const straight = line(optim.adam({ learningRate: 0.01 }));
  await straight.trainer.train({ untilStep: position.step });
  expect(restored.session.variables()).toEqual(straight.session.variables());
  expect(restored.trainer.position).toEqual(position);
  const state = await straight.trainer.exportState();
  expect(Object.keys(state.tensors).sort()).toEqual([
    'adam/first/dense/bias',
    'adam/first/dense/weight',
    'adam/second/dense/bias',
    'adam/second/dense/weight',
    'dense/bias',
    'dense/weight',
  ]);
});

/** The textbook formulas in plain JavaScript, on the whole data as one batch. */
function byHand(
  start: Record<string, number>,
  steps: number,
  update: (weight: number, gradient: number, slots: [number, number], step: number) => number,
) {
  const { xs, ys } = line(optim.sgd({ learningRate: 0 }), 100);
  const values = [start['dense/weight'] as number, start['dense/bias'] as number];
  const slots: [number, number][] = [
    [0, 0],
    [0, 0],
  ];
  for (let step = 0; step < steps; step += 1) {
    const [w, b] = values as [number, number];
    let gw = 0;
    let gb = 0;
    xs.forEach((x, i) => {
      const error = w * x + b - (ys[i] as number);
      gw += (2 * error * x) / xs.length;
      gb += (2 * error) / xs.length;
    });
    [gw, gb].forEach((gradient, k) => {
      values[k] = update(values[k] as number, gradient, slots[k] as [number, number], step);
    });
  }
  return values;
}

const adamStep =
  (rate: number, decay: number) =>
  (w: number, g: number, slots: [number, number], step: number) => {
    slots[0] = 0.9 * slots[0] + 0.1 * g;
    slots[1] = 0.999 * slots[1] + 0.001 * g * g;
    const first = slots[0] / (1 - 0.9 ** (step + 1));
    const second = slots[1] / (1 - 0.999 ** (step + 1));
    return w - rate * (first / (Math.sqrt(second) + 1e-7) + decay * w);
  };
const momentumStep = (nesterov: boolean) => (w: number, g: number, slots: [number, number]) => {
  slots[0] = 0.9 * slots[0] + g;
  return w - 0.05 * (nesterov ? g + 0.9 * slots[0] : slots[0]);
};

test.each([
  ['sgd', optim.sgd({ learningRate: 0.1 }), (w: number, g: number) => w - 0.1 * g],
  [
    'sgd with l2',
    optim.sgd({ learningRate: 0.1, l2: 0.2 }),
    (w: number, g: number) => w - 0.1 * (g + 0.2 * w),
  ],
  ['momentum', optim.momentum({ learningRate: 0.05 }), momentumStep(false)],
  ['nesterov', optim.momentum({ learningRate: 0.05, nesterov: true }), momentumStep(true)],
  ['adam', optim.adam({ learningRate: 0.02 }), adamStep(0.02, 0)],
  ['adamw', optim.adamw({ learningRate: 0.02, weightDecay: 0.1 }), adamStep(0.02, 0.1)],
  [
    'step decay',
    optim.sgd({ learningRate: optim.stepDecay(0.2, { every: 4, factor: 0.5 }) }),
    (w: number, g: number, _: [number, number], step: number) =>
      w - 0.2 * 0.5 ** Math.floor(step / 4) * g,
  ],
  [
    'exponential decay',
    optim.sgd({ learningRate: optim.exponential(0.2, { every: 4, factor: 0.5 }) }),
    (w: number, g: number, _: [number, number], step: number) => w - 0.2 * 0.5 ** (step / 4) * g,
  ],
  [
    'warm-up into a cosine',
    optim.sgd({ learningRate: optim.warmup(5, optim.cosine(0.2, { steps: 12, floor: 0.02 })) }),
    (w: number, g: number, _: [number, number], step: number) => {
      const rate = 0.02 + (0.18 / 2) * (1 + Math.cos((Math.PI * Math.min(step, 12)) / 12));
      return w - rate * Math.min(1, (step + 1) / 5) * g;
    },
  ],
])('%s follows its formula', async (_name, optimizer, update) => {
  const { session, trainer } = line(optimizer, 100);
  const start = Object.fromEntries(
    Object.entries(session.variables()).map(([name, value]) => [name, Number(value.data[0])]),
  );
  await trainer.train({ untilStep: 20 });
  const after = session.variables();
  const [weight, bias] = byHand(start, 20, update) as [number, number];
  expect(Number(after['dense/weight']?.data[0])).toBeCloseTo(weight, 4);
  expect(Number(after['dense/bias']?.data[0])).toBeCloseTo(bias, 4);
});

test('clipNorm bounds the joint norm of all gradients', async () => {
  const { session, trainer } = line(optim.sgd({ learningRate: 1, clipNorm: 0.01 }), 100);
  const before = session.variables();
  await trainer.train({ untilStep: 1 });
  const after = session.variables();
  const moved = ['dense/weight', 'dense/bias'].map(
    (name) => Number(after[name]?.data[0]) - Number(before[name]?.data[0]),
  );
  expect(Math.hypot(...moved)).toBeCloseTo(0.01, 5);
});
