import { availableParallelism } from 'node:os';
import type { NativeSkipGram, NativeTensor } from './native.ts';
import { native } from './native.ts';
import type { Tensor } from './tensor.ts';

export interface SkipGramOptions {
  /** Numbers of words, the text one after the other; a negative one is a word that is left out. */
  tokens: Int32Array;
  /** Where each sentence begins, the first at 0; without them the text is cut every 1,000 words. */
  sentences?: Int32Array;
  /** How often each word comes, by its number. */
  counts: Int32Array;
  dim?: number;
  /** Words to each side at most; for each word, the reach is drawn from 1 to this. */
  window?: number;
  /** Noise words for each word. */
  negatives?: number;
  epochs?: number;
  /** Words that make up more than this share of the text are left out at random; 0 keeps all. */
  sample?: number;
  /** Noise words come as often as count ^ noisePower. */
  noisePower?: number;
  /** Falls linearly to learningRateMin over all epochs. */
  learningRate?: number;
  learningRateMin?: number;
  seed?: number;
  /**
   * Several threads write the vectors without locks (Recht et al., 2011): faster, and a little different in each run.
   * Otherwise one thread trains, and the same seed gives the same vectors.
   */
  lockFree?: boolean;
  /** Of a lock-free training; all processors by default. */
  threads?: number;
}

/** `words` counts those left out too; the loss is that of a pair, averaged over a sample since the last report. */
export interface SkipGramProgress {
  readonly epoch: number;
  readonly words: number;
  readonly loss: number;
  readonly rate: number;
}

/** [words, dim] each: the word vectors, and those of the words as targets. */
export interface SkipGramState {
  readonly vectors: Tensor;
  readonly noiseVectors: Tensor;
  readonly epoch: number;
}

/**
 * Word vectors by skip-gram with negative sampling (Mikolov et al., 2013), all of it native: leaving out frequent words,
 * windows, noise and updates. The words of a window share their noise (Ji et al., 2016).
 */
export class SkipGram {
  readonly epochs: number;
  readonly #native: NativeSkipGram;

  constructor(options: SkipGramOptions) {
    const lockFree = options.lockFree ?? false;
    this.epochs = options.epochs ?? 5;
    this.#native = new (native().SkipGram)({
      tokens: options.tokens,
      sentences: options.sentences ?? new Int32Array(),
      counts: options.counts,
      dim: options.dim ?? 100,
      window: options.window ?? 5,
      negatives: options.negatives ?? 5,
      epochs: this.epochs,
      sample: options.sample ?? 1e-3,
      power: options.noisePower ?? 0.75,
      learningRate: options.learningRate ?? 0.025,
      learningRateMin: options.learningRateMin ?? 1e-4,
      seed: options.seed ?? 0,
      threads: options.threads ?? (lockFree ? availableParallelism() : 1),
      lockFree,
    });
  }

  /** Trains on threads of its own until that many epochs are done, all by default. An epoch that is stopped is not taken up again. */
  async train(
    options: { untilEpoch?: number; onProgress?: (progress: SkipGramProgress) => void } = {},
  ): Promise<{ reason: 'finished' | 'stopped'; epoch: number }> {
    const { untilEpoch = this.epochs, onProgress } = options;
    const done = await this.#native.train(untilEpoch, (progress) => onProgress?.(progress));
    return { reason: done.stopped ? 'stopped' : 'finished', epoch: done.epoch };
  }

  stop(): void {
    this.#native.stop();
  }

  /** Copies; not while training. */
  state(): SkipGramState {
    const { vectors, noiseVectors, epoch } = this.#native.state();
    return { vectors: tensorOf(vectors), noiseVectors: tensorOf(noiseVectors), epoch };
  }

  /** Goes on from a state: with one thread, exactly as if training had never stopped. */
  restore(state: SkipGramState): void {
    this.#native.restore({
      vectors: { ...state.vectors },
      noiseVectors: { ...state.noiseVectors },
      epoch: state.epoch,
    });
  }
}

function tensorOf({ dtype, shape, data }: NativeTensor): Tensor {
  return { dtype, shape, data };
}
