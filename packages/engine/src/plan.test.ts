import { expect, test } from 'vitest';
import type { Tensor } from './index.ts';
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
} from './index.ts';

function network(options: { memoryLimit?: number } = {}) {
  const graph = new Graph({ seed: 3 });
  const x = graph.placeholder('x', [null, 12, 12, 1]);
  const y = graph.placeholder('y', [null], 'i32');
  const logits = nn
    .sequential([nn.conv2d(8, 3, { activation: 'relu' }), nn.maxPool(2), nn.flatten(), nn.dense(4)])
    .apply(x, { training: true });
  const session = new Session(graph, { threads: 2, ...options });
  const pipeline = new Pipeline({
    columns: {
      x: {
        data: Float32Array.from({ length: 64 * 144 }, (_, i) => Math.sin(i)),
        shape: [12, 12, 1],
      },
      y: { data: Int32Array.from({ length: 64 }, (_, i) => i % 4) },
    },
    batchSize: 16,
  });
  const loss = losses.softmaxCrossEntropy(logits, y);
  const trainer = new Trainer(session, {
    pipeline,
    loss,
    optimizer: optim.adam({ learningRate: 0.01 }),
  });
  return { graph, logits, session, trainer };
}

test('a plan knows its memory before it runs', () => {
  const { trainer, session, logits } = network();
  const { memory, schedule } = trainer.planReport();
  expect(memory.weights).toBe((3 * 3 * 8 + 8 + 200 * 4 + 4) * 4);
  // Adam keeps two slots for each weight.
  expect(memory.state).toBe(2 * memory.weights);
  expect(memory.feeds).toBe(16 * 144 * 4 + 16 * 4);
  expect(memory.arena).toBeGreaterThanOrEqual(memory.arenaLowerBound);
  const { arena, weights, state, packed, constants, feeds } = memory;
  expect(memory.total).toBe(arena + weights + state + packed + constants + feeds);
  expect(schedule.some((step) => step.label === 'apply_adam')).toBe(true);
  const inference = session.planReport({ x: [16, 12, 12, 1] }, { logits });
  expect(inference.memory.state).toBe(0);
  expect(inference.memory.arena).toBeLessThan(arena);
});

test('a plan that needs more than the limit is refused with both numbers', async () => {
  const { trainer } = network({ memoryLimit: 100_000 });
  const failure = await trainer.train({ untilStep: 1 }).then(
    () => undefined,
    (error: unknown) => error as EngineError,
  );
  expect(failure).toBeInstanceOf(EngineError);
  expect(failure?.code).toBe('out_of_memory');
  expect(failure?.detail).toMatch(/needs \d+\.\d MiB .* more than the limit of 0\.1 MiB/);
  expect(() => trainer.planReport()).toThrow(/more than the limit/);
  await network({ memoryLimit: 10_000_000 }).trainer.train({ untilStep: 1 });
  expect(() => network({ memoryLimit: 0 })).toThrow(/at least 1 byte/);
});

test('plans for several batch sizes share the packed weights', () => {
  const { session, logits } = network();
  for (const batch of [1, 16]) {
    session.runSync({ x: tensor(new Float32Array(batch * 144), [batch, 12, 12, 1]) }, { logits });
  }
  const first = session.variables();
  const x = tensor(
    Float32Array.from({ length: 144 }, (_, i) => Math.cos(i)),
    [1, 12, 12, 1],
  );
  const before = session.runSync({ x }, { logits }).logits;
  session.assign({ 'dense/bias': tensor([1, 2, 3, 4]) });
  const kernel = first['conv2d/kernel'];
  session.assign({ 'conv2d/kernel': tensor(new Float32Array(72), kernel?.shape) });
  const after = session.runSync({ x }, { logits }).logits;
  expect([...before.data]).not.toEqual([...after.data]);
  expect([...after.data]).toEqual([1, 2, 3, 4]);
});

test('the schedule is explained, with times once it was profiled', async () => {
  const { session, trainer } = network();
  const cold = trainer.explain();
  expect(cold).toMatch(/conv2d\+relu +f32\[16, 10, 10, 8\]/);
  expect(cold).toMatch(/memory .* arena .* weights/);
  expect(cold).not.toContain(' us');
  session.startProfile();
  await trainer.train({ untilStep: 5 });
  const trace = JSON.parse(session.stopProfile()) as { traceEvents: TraceEvent[] };
  const steps = trainer.planReport().schedule;
  expect(trace.traceEvents).toHaveLength(5 * steps.length);
  expect(trace.traceEvents.map((event) => event.name).slice(0, steps.length)).toEqual(
    steps.map((step) => step.label),
  );
  expect(trace.traceEvents.every((event) => event.ph === 'X' && event.dur >= 0)).toBe(true);
  expect(trainer.explain()).toMatch(/apply_adam .* \d+\.\d us +\d+\.\d %/);
  // Off again: nothing more is collected.
  await trainer.train({ untilStep: 7 });
  expect((JSON.parse(session.stopProfile()) as typeof trace).traceEvents).toHaveLength(
    5 * steps.length,
  );
});

interface TraceEvent {
  name: string;
  ph: string;
  ts: number;
  dur: number;
}

function floats(value: Tensor | undefined): Float32Array {
  return value?.data as Float32Array;
}

test('a prepared call reads and writes memory that stays in place', () => {
  const { session, logits } = network();
  const call = session.prepare({ x: [2, 12, 12, 1] }, { logits });
  const x = tensor(Float32Array.from({ length: 288 }, Math.sin), [2, 12, 12, 1]);
  floats(call.feeds.x).set(floats(x));
  const seen = call.run().logits;
  expect(seen.shape).toEqual([2, 4]);
  expect([...seen.data]).toEqual([...session.runSync({ x }, { logits }).logits.data]);
  floats(call.feeds.x).fill(0);
  const zeros = call.run().logits;
  expect(zeros.data).toBe(seen.data);
  const wanted = session.runSync({ x: tensor(new Float32Array(288), [2, 12, 12, 1]) }, { logits });
  expect([...zeros.data]).toEqual([...wanted.logits.data]);
  session.close();
  expect(call.run().logits.data).toBe(seen.data);
});

test('the memory of a prepared call cannot be handed away', () => {
  const { session, logits } = network();
  const call = session.prepare({ x: [1, 12, 12, 1] }, { logits });
  const data = floats(call.feeds.x);
  expect(() => structuredClone(data, { transfer: [data.buffer as ArrayBuffer] })).toThrow(
    /transfer/,
  );
  expect(call.feeds.x?.data).toHaveLength(144);
  expect(call.run().logits.data).toHaveLength(4);
  expect(() => session.prepare({ x: [1, 12, 12, 2] }, { logits })).toThrow(/takes f32/);
  expect(() => session.prepare({}, { logits })).toThrow(/needs a value/);
});
