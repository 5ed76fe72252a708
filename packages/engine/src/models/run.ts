import type { Session } from '../session.ts';
import type { Tensor } from '../tensor.ts';
import type { MetricPoint } from '../trainer.ts';

/** loss, accuracy, val_loss, ... */
export type Logs = Record<string, number>;

export interface History {
  /** Epochs of this fit, 0 first. */
  readonly epochs: number[];
  /** For each of the logs, its value after each epoch. */
  readonly history: Record<string, number[]>;
}

/** What callbacks may do with the model that is being trained. */
export interface Trainee {
  readonly title: string;
  readonly session: Session;
  /** The name of the rate's two variables, where the rate can be changed; see `reduceOnPlateau`. */
  readonly rateName: string | undefined;
  learningRate: number;
  getWeights(): Record<string, Tensor>;
  setWeights(weights: Record<string, Tensor>): void;
  save(dir: string): Promise<void>;
  saveWeights(file: string): Promise<void>;
}

/** One fit. */
export interface Run extends History {
  readonly model: Trainee;
  readonly plannedEpochs: number;
  /** Ends the fit after the present epoch; for callbacks. */
  stop(): void;
}

/** Any of these functions, called in order and waited for between epochs; training itself never waits for them. */
export interface Callback {
  onTrainBegin?(run: Run): void | Promise<void>;
  onEpochBegin?(epoch: number, run: Run): void | Promise<void>;
  /** The points of batches that are done, some at a time and a little after the fact. */
  onBatches?(points: readonly MetricPoint[], run: Run): void;
  onEpochEnd?(epoch: number, logs: Readonly<Logs>, run: Run): void | Promise<void>;
  onTrainEnd?(run: Run): void | Promise<void>;
}
