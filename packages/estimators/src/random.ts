/**
 * A seeded stream of 32-bit numbers (Mulberry32) for splits and initial weights. The same seed gives the same
 * numbers on every machine, which Math.random cannot promise.
 */
export class SeededRandom {
  #state: number;
  constructor(seed: number) {
    // A multiplicative hash, so that neighbouring seeds do not start neighbouring streams.
    this.#state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Fisher and Yates, in place. */
  shuffle<T extends Uint32Array>(values: T): T {
    for (let index = values.length - 1; index > 0; index--) {
      const other = Math.floor(this.next() * (index + 1));
      const kept = values[index] ?? 0;
      values[index] = values[other] ?? 0;
      values[other] = kept;
    }
    return values;
  }
}
