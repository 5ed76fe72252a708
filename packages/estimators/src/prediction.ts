import type { ModelSignature } from '@vanda/contracts';

export interface ClassPrediction {
  label: string;
  score: number;
  scores: Record<string, number>;
}
/** Numbers (of bool: true and false) in lists within lists. */
export type Nested = number | boolean | Nested[];
/** What a network answers that nothing more is known of: each of its outputs by name. */
export interface TensorPrediction {
  tensors: Record<string, Nested>;
}
/** A regression answers plain numbers. */
export type Prediction = ClassPrediction | TensorPrediction | number;

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
