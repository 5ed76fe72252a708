import { setTimeout as sleep } from 'node:timers/promises';

interface Options<T> {
  /** Never rejects. */
  work(item: T): Promise<void>;
  /** Called once for each item, whether it was worked on or passed over. */
  discard(item: T): Promise<void>;
  /** Between the end of one and the beginning of the next. */
  restMs: number;
}

/** Works on one item at a time; of those that come meanwhile only the newest waits. Whoever offers does not wait. */
export class NewestFirst<T> {
  readonly #options: Options<T>;
  #waiting: T | null = null;
  #working: Promise<void> | null = null;
  readonly #closing = new AbortController();

  constructor(options: Options<T>) {
    this.#options = options;
  }

  offer(item: T): void {
    if (this.#closing.signal.aborted) return;
    this.#passOver();
    this.#waiting = item;
    this.#working ??= this.#work();
  }

  /** Lets the one on its way arrive, and the one that waits too, unless it is of no use any more. */
  async close(useless: boolean): Promise<void> {
    this.#closing.abort();
    if (useless) this.#passOver();
    await this.#working;
  }

  #passOver(): void {
    if (this.#waiting !== null) void this.#options.discard(this.#waiting);
    this.#waiting = null;
  }

  async #work(): Promise<void> {
    await null;
    for (let next = this.#waiting; next !== null; next = this.#waiting) {
      this.#waiting = null;
      await this.#options.work(next);
      await this.#options.discard(next);
      const { signal } = this.#closing;
      await sleep(this.#options.restMs, null, { signal }).catch(() => {});
    }
    this.#working = null;
  }
}
