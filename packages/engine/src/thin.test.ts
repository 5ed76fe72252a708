import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Graph, losses, metrics, nn, optim, Pipeline, Session, Trainer } from './index.ts';

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

  const file = join(mkdtempSync(join(tmpdir(), 'vanda-engine-')), 'checkpoint.safetensors');
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
