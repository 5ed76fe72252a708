import { EngineError } from './engine-error.ts';
import type { NativePipeline } from './native.ts';
import type { TensorData } from './tensor.ts';

/** Gives one row, for instance the pixels of a picture; may be called again before an earlier call has ended. */
export type Decode = (item: number) => Promise<TensorData> | TensorData;

/**
 * Fills the ring of one column: asks which rows are wanted next, decodes several at a time, and puts each in as it is
 * ready. Nothing happens while nobody reads, or while the ring is full.
 */
export class PictureFeed {
  /** A feed lives as long as the native pipeline that it fills, whoever holds that. */
  static readonly #alive = new WeakMap<NativePipeline, PictureFeed[]>();

  readonly #native: NativePipeline;
  readonly #column: string;
  readonly #decode: Decode;
  readonly #atOnce: number;
  #running = 0;

  constructor(handle: NativePipeline, column: string, decode: Decode, atOnce: number) {
    if (!Number.isInteger(atOnce) || atOnce < 1) {
      throw new EngineError(
        'invalid_attribute',
        column,
        'atOnce must be a whole number, 1 or more',
      );
    }
    this.#native = handle;
    this.#column = column;
    this.#decode = decode;
    this.#atOnce = atOnce;
    PictureFeed.#alive.set(handle, [...(PictureFeed.#alive.get(handle) ?? []), this]);
    // The native side holds this function for good: through it, it must not hold the pipeline.
    const self = new WeakRef(this);
    handle.onRoom(column, () => self.deref()?.fill());
  }

  /** Starts as many as there is room for. */
  fill(): void {
    const tickets = this.#native.take(this.#column, this.#atOnce - this.#running);
    for (let i = 0; i < tickets.length; i += 3) {
      this.#running += 1;
      void this.#make(tickets[i] as number, tickets[i + 1] as number, tickets[i + 2] as number);
    }
  }

  async #make(run: number, sequence: number, item: number): Promise<void> {
    try {
      this.#native.put(this.#column, run, sequence, await this.#decode(item));
    } catch (error) {
      const known = error instanceof EngineError ? error : undefined;
      const detail = error instanceof Error ? error.message : String(error);
      this.#native.fail(
        this.#column,
        run,
        known?.code ?? 'invalid_feed',
        known?.op ?? this.#column,
        known?.detail ?? `item ${item} could not be made: ${detail}`,
      );
    } finally {
      this.#running -= 1;
      this.fill();
    }
  }
}
