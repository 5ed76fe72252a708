import { VandaError } from '@vanda/contracts';
import type { Prediction } from '@vanda/estimators';
import { unavailable } from './tfs-error.ts';

export interface BatcherOptions {
  /** Instances that are computed together; a larger request goes in pieces of this size. */
  batchMax?: number;
  /** Instances that may wait; what comes then is refused. */
  queueMax?: number;
  /** Batches under way at a time: one is read and decoded while another is computed. */
  parallel?: number;
  onBatch?: (batch: { instances: number; requests: number; ms: number; waitedMs: number }) => void;
}

interface Waiting {
  instances: unknown[];
  signal: AbortSignal | undefined;
  since: number;
  resolve(predictions: Prediction[]): void;
  reject(error: unknown): void;
}

/**
 * Dynamic batching: a request that finds a free place goes at once and alone; what comes while all places are taken
 * waits and then goes together. No request is held back to wait for company.
 */
export class MicroBatcher {
  private readonly waiting: Waiting[] = [];
  private queued = 0;
  private running = 0;
  private readonly predict: (instances: unknown[]) => Promise<Prediction[]>;
  private readonly options: Required<BatcherOptions>;

  constructor(
    predict: (instances: unknown[]) => Promise<Prediction[]>,
    options: BatcherOptions = {},
  ) {
    this.predict = predict;
    this.options = { batchMax: 128, queueMax: 4096, parallel: 2, onBatch: () => {}, ...options };
  }

  /** One prediction an instance, in order. An abort takes a request that still waits out of the queue. */
  async run(instances: unknown[], signal?: AbortSignal): Promise<Prediction[]> {
    const { batchMax, queueMax } = this.options;
    if (this.queued > 0 && this.queued + instances.length > queueMax) {
      throw unavailable(
        `The model is overloaded: ${this.queued} instances wait already. Try again in a moment.`,
      );
    }
    if (instances.length <= batchMax) return this.enqueue(instances, signal);
    const pieces = [];
    for (let start = 0; start < instances.length; start += batchMax) {
      const piece = this.enqueue(instances.slice(start, start + batchMax), signal);
      pieces.push(piece.catch((error) => Promise.reject(shifted(error, start))));
    }
    return (await Promise.all(pieces)).flat();
  }

  private enqueue(instances: unknown[], signal: AbortSignal | undefined): Promise<Prediction[]> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ instances, signal, since: performance.now(), resolve, reject });
      this.queued += instances.length;
      this.start();
    });
  }

  private start(): void {
    while (this.running < this.options.parallel && this.waiting.length > 0) {
      const batch = this.take();
      if (batch.length === 0) continue;
      this.running++;
      void this.compute(batch).finally(() => {
        this.running--;
        this.start();
      });
    }
  }

  /** From the front, as many whole requests as fit into a batch; those whose caller has left are dropped. */
  private take(): Waiting[] {
    const batch: Waiting[] = [];
    let size = 0;
    for (let next = this.waiting[0]; next !== undefined; next = this.waiting[0]) {
      const gone = next.signal?.aborted === true;
      if (!gone && size > 0 && size + next.instances.length > this.options.batchMax) break;
      this.waiting.shift();
      this.queued -= next.instances.length;
      if (gone) {
        next.reject(next.signal?.reason);
        continue;
      }
      batch.push(next);
      size += next.instances.length;
    }
    return batch;
  }

  private async compute(batch: Waiting[]): Promise<void> {
    const startedAt = performance.now();
    const waitedMs = startedAt - (batch[0]?.since ?? startedAt);
    const instances = batch.flatMap((waiting) => waiting.instances);
    try {
      const predictions = await this.predict(instances);
      let from = 0;
      for (const waiting of batch) {
        waiting.resolve(predictions.slice(from, from + waiting.instances.length));
        from += waiting.instances.length;
      }
    } catch (error) {
      const [only] = batch;
      if (batch.length === 1 && only) only.reject(error);
      // One bad row must not fail its batch-mates, and its sentence must count from its own first row.
      else await Promise.all(batch.map((waiting) => this.alone(waiting)));
    }
    const ms = performance.now() - startedAt;
    this.options.onBatch({ instances: instances.length, requests: batch.length, ms, waitedMs });
  }

  private async alone(waiting: Waiting): Promise<void> {
    try {
      waiting.resolve(await this.predict(waiting.instances));
    } catch (error) {
      waiting.reject(error);
    }
  }
}

/** A piece counts its instances from 0; the caller counts from the request's first. */
function shifted(error: unknown, by: number): unknown {
  if (!(error instanceof VandaError) || by === 0) return error;
  const shift = (text: string) =>
    text.replace(/(instances?[ /[])(\d+)/gi, (_, word: string, index: string) => {
      return `${word}${Number(index) + by}`;
    });
  const errors = error.errors?.map(({ pointer, message }) => ({
    pointer: shift(pointer),
    message: shift(message),
  }));
  return new VandaError(error.code, shift(error.message), errors);
}
