import type { ModelSignature } from '@vanda/contracts';

export interface ClassPrediction {
  label: string;
  score: number;
  scores: Record<string, number>;
}
/** A regression answers plain numbers. */
export type Prediction = ClassPrediction | number;

export interface Predictor {
  readonly signature: ModelSignature;
  /** One prediction of made-up input, so that the first real one is not the slow one. */
  warm(): Promise<void>;
  /**
   * One prediction for each instance, in order. Concurrent calls are safe.
   *
   * @throws VandaError 'invalid-request' with a sentence that names the instance and the field.
   */
  predict(instances: readonly unknown[]): Promise<Prediction[]>;
  close(): void;
}
