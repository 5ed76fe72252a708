import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Tensor } from '../index.ts';
import { callbacks, loadArtifact, models, nn, optim, Pipeline, tensor } from '../index.ts';

const { input, sequential } = models;

const xs = Float32Array.from({ length: 40 }, (_, i) => i / 20 - 1);
const line = {
  x: tensor(xs, [40, 1]),
  y: tensor(
    xs.map((x) => 3 * x - 1),
    [40, 1],
  ),
};

function linear(rate: number) {
  return sequential([input({ shape: [1] }), nn.dense(1)], { threads: 1, seed: 2 }).compile({
    optimizer: optim.sgd({ learningRate: rate }),
    loss: 'mse',
    metrics: ['mae'],
  });
}

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'vanda-models-'));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

function weight(net: models.Model): number {
  return Number(net.getWeights()['dense/weight']?.data[0]);
}

/** Judged by the opposite line, a model gets worse with every epoch that it learns. */
const opposite = {
  x: line.x,
  y: tensor(
    (line.y.data as Float32Array).map((y) => -y),
    [40, 1],
  ),
};

test('early stopping ends when nothing gets better, with the best weights', async () => {
  const net = linear(0.05);
  const seen: number[] = [];
  const watch: models.Callback = {
    onEpochEnd(_epoch, _logs, { model }) {
      seen.push(Number(model.getWeights()['dense/weight']?.data[0]));
    },
  };
  const stop = callbacks.earlyStopping({ patience: 3, restoreBestWeights: true });
  const { history, epochs } = await net.fit(line, {
    epochs: 50,
    validationData: opposite,
    callbacks: [watch, stop],
  });
  const losses = history.val_loss ?? [];
  const best = losses.indexOf(Math.min(...losses));
  expect(epochs).toHaveLength(best + 1 + 3);
  expect(epochs.length).toBeLessThan(50);
  expect(new Set(seen).size).toBe(seen.length);
  expect(weight(net)).toBe(seen[best]);
  expect((await net.evaluate(opposite)).loss).toBeCloseTo(losses[best] ?? 0, 6);
});

test('the learning rate falls where a loss does not, and as a schedule says', async () => {
  const net = linear(0.05);
  const rates: number[] = [];
  const watch: models.Callback = {
    onEpochEnd: (_epoch, _logs, { model }) =>
      void rates.push(Number(model.learningRate.toFixed(6))),
  };
  const plateau = callbacks.reduceLearningRateOnPlateau({
    monitor: 'val_loss',
    patience: 2,
    factor: 0.1,
  });
  await net.fit(line, { epochs: 6, validationData: opposite, callbacks: [plateau, watch] });
  expect(rates[0]).toBe(0.05);
  expect(rates.at(-1)).toBeLessThan(0.0051);
  net.learningRate = 0;
  const before = weight(net);
  await net.fit(line);
  expect(weight(net)).toBe(before);
  rates.length = 0;
  const schedule = callbacks.learningRateScheduler((epoch) => 0.1 / (epoch + 1));
  await net.fit(line, { epochs: 3, callbacks: [schedule, watch] });
  expect(rates).toEqual([0.1, 0.05, 0.033333]);
  net.compile({ optimizer: optim.sgd({ learningRate: optim.constant(0.1) }), loss: 'mse' });
  expect(() => net.learningRate).toThrow(/compile it with an optimizer whose rate is a number/);
});

test('a fit says what happens, in order, and can be ended', async () => {
  const events: string[] = [];
  const net = linear(0.01);
  let points = 0;
  const log: models.Callback = {
    onTrainBegin: () => void events.push('train'),
    onEpochBegin: (epoch) => void events.push(`begin ${epoch}`),
    onBatches(batches) {
      points += batches.length;
    },
    async onEpochEnd(epoch, logs, run) {
      expect(logs.loss).toBe(run.history.loss?.at(-1));
      expect((await net.evaluate(line)).loss).toBeLessThan(logs.loss ?? 0);
      events.push(`end ${epoch} of ${run.plannedEpochs}`);
      if (epoch === 1) run.stop();
    },
    onTrainEnd: () => void events.push('done'),
  };
  await net.fit(line, { epochs: 5, batchSize: 16, callbacks: [log] });
  expect(events).toEqual(['train', 'begin 0', 'end 0 of 5', 'begin 1', 'end 1 of 5', 'done']);
  expect(points).toBe(2 * 3);
  const running = net.fit(line, { epochs: 3 });
  await expect(net.fit(line)).rejects.toMatchObject({ code: 'busy' });
  await running;
  await expect(linear(1e30).fit(line, { epochs: 50 })).rejects.toMatchObject({ code: 'diverged' });
  await expect(net.fit(line, { callbacks: [callbacks.earlyStopping()] })).rejects.toThrow(
    /no 'val_loss' to monitor, only loss, mae; fit with validationData or/,
  );
});

test('checkpoints and tables are written as the fit goes', async () => {
  const dir = folder();
  const net = linear(0.05);
  const table = join(dir, 'log.csv');
  await net.fit(line, {
    epochs: 3,
    validationData: opposite,
    callbacks: [
      callbacks.csvLogger(table),
      callbacks.modelCheckpoint(join(dir, 'best.safetensors'), {
        saveBestOnly: true,
        saveWeightsOnly: true,
      }),
      callbacks.modelCheckpoint(join(dir, 'epoch-{epoch}'), { monitor: 'loss' }),
    ],
  });
  const rows = readFileSync(table, 'utf8').trimEnd().split('\n');
  expect(rows[0]).toBe('epoch,loss,mae,val_loss,val_mae');
  expect(rows.slice(1).map((row) => row.split(',')[0])).toEqual(['0', '1', '2']);
  const losses = rows.slice(1).map((row) => Number(row.split(',')[3]));
  const best = linear(0.05);
  await best.loadWeights(join(dir, 'best.safetensors'));
  expect((await best.evaluate(opposite)).loss).toBeCloseTo(Math.min(...losses), 6);

  const artifact = await loadArtifact(join(dir, 'epoch-3'), { threads: 1 });
  const { dense } = await artifact.run('predict', { input: line.x });
  expect(dense?.data).toEqual((await net.predict(line.x)).data);
  const again = linear(0.05);
  await again.loadWeights(join(dir, 'epoch-3', 'weights.safetensors'));
  expect(again.getWeights()).toEqual(net.getWeights());
});

test('pipelines give what tensors do, epochs go on, and a run repeats itself', async () => {
  const columns = { input: { data: xs, shape: [1] }, y: { data: line.y.data, shape: [1] } };
  const pipeline = () => new Pipeline({ columns, batchSize: 16, shuffle: true, seed: 2 });
  const [first, second] = [linear(0.05), linear(0.05)];
  const { history } = await first.fit(line, { epochs: 4, batchSize: 16 });
  await second.fit(pipeline(), { epochs: 2 });
  const rest = await second.fit(pipeline(), { epochs: 2 });
  expect(second.getWeights()).toEqual(first.getWeights());
  expect(rest.history.loss).toEqual(history.loss?.slice(2));
  expect(await second.evaluate(pipeline())).toEqual(await first.evaluate(pipeline()));
  const still = new Pipeline({ columns, batchSize: 7 });
  const values = (of: Tensor) => Array.from(of.data as Float32Array);
  const predicted = values(await first.predict(line.x));
  for (const [i, value] of values(await first.predict(still)).entries())
    expect(value).toBeCloseTo(predicted[i] ?? 0, 6);
});
