import type { Prediction, Predictor } from '@vanda/estimators';
import { type BatcherOptions, MicroBatcher } from './micro-batcher.ts';

/** A model version in memory. Once retired it is closed when the last request that entered it has left. */
export class LoadedVersion {
  readonly id: string;
  readonly predictor: Predictor;
  private readonly batcher: MicroBatcher;
  private inside = 0;
  private retired = false;
  private closed = false;

  constructor(id: string, predictor: Predictor, options: BatcherOptions = {}) {
    this.id = id;
    this.predictor = predictor;
    this.batcher = new MicroBatcher((instances) => predictor.predict(instances), options);
  }

  /** Keeps the version open while `work` runs. Must be called in the same turn in which the version was looked up. */
  async use<T>(work: (version: this) => Promise<T>): Promise<T> {
    this.inside++;
    try {
      return await work(this);
    } finally {
      this.inside--;
      this.closeWhenEmpty();
    }
  }

  predict(instances: unknown[], signal?: AbortSignal): Promise<Prediction[]> {
    return this.batcher.run(instances, signal);
  }

  retire(): void {
    this.retired = true;
    this.closeWhenEmpty();
  }

  private closeWhenEmpty(): void {
    if (!this.retired || this.inside > 0 || this.closed) return;
    this.closed = true;
    this.predictor.close();
  }
}
