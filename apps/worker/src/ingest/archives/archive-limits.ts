import { badData } from '../bad-data.ts';

/** Bounds on what an archive may unfold into, whatever it claims. */
const archiveLimits = {
  entriesMax: 1_000_000,
  /** An archive that stays below this may be as dense as it likes. */
  inflatedBytesFree: 256 * 1024 ** 2,
  ratioMax: 120,
  inflatedBytesMax: 256 * 1024 ** 3,
} as const;

/** Counts what unfolds and refuses a bomb before its bytes are written anywhere. */
export class UnfoldBudget {
  readonly #label: string;
  readonly #packedBytes: number;
  #bytes = 0;
  #entries = 0;

  constructor(label: string, packedBytes: number) {
    this.#label = label;
    this.#packedBytes = Math.max(1, packedBytes);
  }

  entry(): void {
    this.#entries += 1;
    if (this.#entries > archiveLimits.entriesMax) {
      const most = archiveLimits.entriesMax.toLocaleString('en');
      throw badData(`${this.#label} has more than ${most} entries. Push it in several archives.`);
    }
  }

  bytes(count: number): void {
    this.#bytes += count;
    const { inflatedBytesFree, ratioMax, inflatedBytesMax } = archiveLimits;
    const dense = this.#bytes > inflatedBytesFree && this.#bytes > this.#packedBytes * ratioMax;
    if (!dense && this.#bytes <= inflatedBytesMax) return;
    throw badData(
      `${this.#label} unfolds into more than ${ratioMax} times its size, as a zip bomb does. ` +
        'Push the files without the archive.',
    );
  }
}
