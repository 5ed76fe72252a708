import { join } from 'node:path';
import type { Tensor } from '@vanda/engine';
import type { EpochRecord } from './checkpoint.ts';
import { logWarnings, type Run } from './run.ts';
import { type ServedModel, writeModel } from './write-model.ts';

/** Nobody tries models faster; a small one ends an epoch every few milliseconds. */
const previewMs = 3000;
/** Writing previews takes at most this share of the time. */
const shareMax = 0.02;

/**
 * Offers the best epoch so far as a model that can be tried while the training goes on. It reads a copy of the weights
 * and draws no random number: a training with previews is the same, bit for bit, as one without.
 */
export class Previews {
  readonly #run: Run;
  readonly #model: ServedModel;
  readonly #chance: number | null;
  #shownEpoch = 0;
  #dueAt: number;

  /** @param chance what `TrainingPreview` calls so. */
  constructor(run: Run, model: ServedModel, chance: number | null) {
    this.#run = run;
    this.#model = model;
    this.#chance = chance;
    this.#dueAt = performance.now() + this.#everyMs;
  }

  get #everyMs(): number {
    return this.#run.previewEveryMs ?? previewMs;
  }

  /** At the end of an epoch. A better epoch that came too soon after another is shown at the end of a later one. */
  async look(record: EpochRecord, best: Record<string, Tensor> | null): Promise<void> {
    const { events, workDir } = this.#run;
    const began = performance.now();
    const epoch = record.bestEpoch;
    if (events.preview === undefined || best === null) return;
    if (epoch <= this.#shownEpoch || began < this.#dueAt) return;
    const { signature } = this.#model;
    const validation = record.bestMetrics;
    const folder = join(workDir, `preview-${epoch}`);
    try {
      await writeModel(this.#run, folder, this.#model, validation ? { validation } : {}, best);
      await events.preview({ folder, epoch, validation, chance: this.#chance, signature });
      this.#shownEpoch = epoch;
    } catch (error) {
      // A training is worth more than a look at it.
      logWarnings(this.#run, [`Epoch ${epoch} cannot be tried: ${(error as Error).message}`]);
    }
    const now = performance.now();
    this.#dueAt = now + Math.max(this.#everyMs, (now - began) / shareMax);
  }
}
