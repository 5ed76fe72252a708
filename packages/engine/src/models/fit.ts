import { EngineError } from '../engine-error.ts';
import type { Pipeline } from '../pipeline.ts';
import type { MetricPoint, Trainer } from '../trainer.ts';
import { rowMean } from './data.ts';
import type { Callback, History, Logs, Run, Trainee } from './run.ts';

export interface LoopOptions {
  readonly epochs: number;
  readonly callbacks: readonly Callback[];
  /** Loss and metrics of the samples that are kept back. */
  readonly validate: (() => Promise<Logs>) | undefined;
  /** One line for each epoch. */
  readonly print: ((line: string) => void) | undefined;
}

/** Epoch after epoch in the native loop; between them the validation and the callbacks. */
export async function loop(
  model: Trainee,
  trainer: Trainer,
  options: LoopOptions,
): Promise<History> {
  const { epochs, callbacks, validate } = options;
  if (!Number.isSafeInteger(epochs) || epochs < 1) {
    throw new EngineError(
      'invalid_attribute',
      model.title,
      'epochs must be a whole number of at least 1',
    );
  }
  let stopped = false;
  const stop = () => {
    stopped = true;
  };
  const run: Run = { model, epochs: [], history: {}, plannedEpochs: epochs, stop };
  const { epoch: begin } = trainer.position;
  for (const callback of callbacks) await callback.onTrainBegin?.(run);
  for (let epoch = 0; epoch < epochs && !stopped; epoch += 1) {
    for (const callback of callbacks) await callback.onEpochBegin?.(epoch, run);
    const started = performance.now();
    const logs = await oneEpoch(trainer, begin + epoch + 1, (points) => {
      for (const callback of callbacks) callback.onBatches?.(points, run);
    });
    for (const [name, value] of Object.entries((await validate?.()) ?? {}))
      logs[`val_${name}`] = value;
    run.epochs.push(epoch);
    for (const [name, value] of Object.entries(logs)) {
      run.history[name] ??= [];
      run.history[name].push(value);
    }
    options.print?.(lineOf(epoch, epochs, performance.now() - started, logs));
    for (const callback of callbacks) await callback.onEpochEnd?.(epoch, logs, run);
  }
  for (const callback of callbacks) await callback.onTrainEnd?.(run);
  return { epochs: run.epochs, history: run.history };
}

async function oneEpoch(
  trainer: Trainer,
  untilEpoch: number,
  onPoints: (points: readonly MetricPoint[]) => void,
): Promise<Logs> {
  const seen: MetricPoint[] = [];
  await trainer.train({
    untilEpoch,
    onMetrics: (points) => {
      seen.push(...points);
      onPoints(points);
    },
  });
  return meansOf(seen, trainer.pipeline);
}

function meansOf(points: readonly MetricPoint[], pipeline: Pipeline): Logs {
  const mean = (of: (point: MetricPoint) => number) => rowMean(points.map(of), pipeline);
  const names = Object.keys(points[0]?.metrics ?? {});
  const metrics = names.map((name) => [name, mean((point) => point.metrics[name] as number)]);
  return { loss: mean((point) => point.loss), ...Object.fromEntries(metrics) };
}

function lineOf(epoch: number, epochs: number, ms: number, logs: Logs): string {
  const values = Object.entries(logs).map(([name, value]) => `${name} ${value.toPrecision(4)}`);
  return [`epoch ${epoch + 1}/${epochs}`, `${(ms / 1000).toFixed(1)} s`, ...values].join(' - ');
}
