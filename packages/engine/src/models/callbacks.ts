import { writeFile } from 'node:fs/promises';
import { EngineError } from '../engine-error.ts';
import type { PlateauOptions } from '../plateau.ts';
import { reduceOnPlateau } from '../plateau.ts';
import type { Tensor } from '../tensor.ts';
import type { Callback, Logs } from './run.ts';

interface Monitoring {
  /** One of the logs; val_loss by default. */
  monitor?: string;
  /** Whether it should fall or rise; by default it rises where its name says accuracy. */
  mode?: 'min' | 'max';
}

/** Ends the fit when the monitored value has not become better for so many epochs. */
export function earlyStopping(
  options: Monitoring & {
    /** Epochs without an improvement that are waited for, 0 by default. */
    patience?: number;
    /** An improvement is by more than this. */
    minDelta?: number;
    /** Ends with the weights of the best epoch, whether the fit was stopped or ran out of epochs. */
    restoreBestWeights?: boolean;
  } = {},
): Callback {
  const { patience = 0, restoreBestWeights = false } = options;
  let best = bestOf('earlyStopping', options);
  let waited = 0;
  let kept: Record<string, Tensor> | undefined;
  return {
    onTrainBegin() {
      best = bestOf('earlyStopping', options);
      waited = 0;
      kept = undefined;
    },
    onEpochEnd(_epoch, logs, run) {
      if (best(logs)) {
        waited = 0;
        if (restoreBestWeights) kept = run.model.getWeights();
        return;
      }
      waited += 1;
      if (waited >= Math.max(patience, 1)) run.stop();
    },
    onTrainEnd(run) {
      if (kept) run.model.setWeights(kept);
    },
  };
}

/** Saves the model after each epoch, or each that is better than those before; {epoch} in the path is its number. */
export function modelCheckpoint(
  path: string,
  options: Monitoring & { saveBestOnly?: boolean; saveWeightsOnly?: boolean } = {},
): Callback {
  let best = bestOf('modelCheckpoint', options);
  return {
    onTrainBegin() {
      best = bestOf('modelCheckpoint', options);
    },
    async onEpochEnd(epoch, logs, { model }) {
      if (options.saveBestOnly && !best(logs)) return;
      const place = path.replaceAll('{epoch}', String(epoch + 1));
      await (options.saveWeightsOnly ? model.saveWeights(place) : model.save(place));
    },
  };
}

/** Reduces the learning rate when the monitored value has not become better for so many epochs, 10 by default. */
export function reduceLearningRateOnPlateau(
  options: Monitoring & Omit<PlateauOptions, 'mode' | 'name'> = {},
): Callback {
  const { monitor = 'val_loss', patience = 10, ...rest } = options;
  return {
    onEpochEnd(_epoch, logs, { model }) {
      const value = monitored('reduceLearningRateOnPlateau', monitor, logs);
      const { observe } = reduceOnPlateau(model.learningRate, {
        ...rest,
        mode: modeOf(options),
        name: model.rateName,
        // Keras reduces in the epoch in which patience runs out, the schedule in the one after it.
        patience: Math.max(patience, 1) - 1,
      });
      observe(model.session, value);
    },
  };
}

/** Sets the learning rate before each epoch. */
export function learningRateScheduler(schedule: (epoch: number, rate: number) => number): Callback {
  return {
    onEpochBegin(epoch, { model }) {
      model.learningRate = schedule(epoch, model.learningRate);
    },
  };
}

/** A line for each epoch, below a line of names. */
export function csvLogger(
  file: string,
  options: { separator?: string; append?: boolean } = {},
): Callback {
  const { separator = ',', append = false } = options;
  let begun = append;
  return {
    onTrainBegin() {
      begun = append;
    },
    async onEpochEnd(epoch, logs) {
      const row = [epoch, ...Object.values(logs)].join(separator);
      const head = ['epoch', ...Object.keys(logs)].join(separator);
      await writeFile(file, begun ? `${row}\n` : `${head}\n${row}\n`, { flag: begun ? 'a' : 'w' });
      begun = true;
    },
  };
}

/** Whether logs are better than all before them. */
function bestOf(callback: string, options: Monitoring & { minDelta?: number }) {
  const { monitor = 'val_loss', minDelta = 0 } = options;
  const sign = modeOf(options) === 'max' ? -1 : 1;
  let best = Number.POSITIVE_INFINITY;
  return (logs: Readonly<Logs>): boolean => {
    const value = sign * monitored(callback, monitor, logs);
    if (!(value < best - Math.abs(minDelta))) return false;
    best = value;
    return true;
  };
}

function modeOf({ mode, monitor = 'val_loss' }: Monitoring): 'min' | 'max' {
  return mode ?? (/accuracy$/i.test(monitor) ? 'max' : 'min');
}

function monitored(callback: string, monitor: string, logs: Readonly<Logs>): number {
  const value = logs[monitor];
  if (value !== undefined) return value;
  const hint = monitor.startsWith('val_') ? '; fit with validationData or validationSplit' : '';
  throw new EngineError(
    'unknown_name',
    callback,
    `there is no '${monitor}' to monitor, only ${Object.keys(logs).join(', ')}${hint}`,
  );
}
