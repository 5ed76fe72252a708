import { EngineError } from './engine-error.ts';
import type { Tensor } from './tensor.ts';

/** The words of a text by how often they come, the most frequent first; equally frequent ones in the order of the alphabet. */
export class Vocabulary {
  readonly words: readonly string[];
  readonly counts: Int32Array;
  readonly #numbers: Map<string, number>;

  constructor(words: readonly string[], counts: Int32Array) {
    this.words = words;
    this.counts = counts;
    this.#numbers = new Map(words.map((word, i) => [word, i]));
  }

  /** Words that come fewer than `minCount` times are left out. */
  static of(text: Iterable<string>, options: { minCount?: number } = {}): Vocabulary {
    const counts = new Map<string, number>();
    for (const word of text) counts.set(word, (counts.get(word) ?? 0) + 1);
    const kept = [...counts]
      .filter(([, count]) => count >= (options.minCount ?? 1))
      .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
    return new Vocabulary(
      kept.map(([word]) => word),
      Int32Array.from(kept, ([, count]) => count),
    );
  }

  /** -1 for a word that is not in it. */
  numberOf(word: string): number {
    return this.#numbers.get(word) ?? -1;
  }

  numbers(text: readonly string[]): Int32Array {
    return Int32Array.from(text, (word) => this.numberOf(word));
  }
}

export interface Neighbour {
  readonly word: string;
  /** Cosine. */
  readonly similarity: number;
}

/**
 * The words whose vectors point most in the direction of a sum of words less others: nearestWords(vectors, vocabulary,
 * { like: ['king', 'woman'], unlike: ['man'] }) begins with queen. All are brought to length 1 first (Levy and Goldberg,
 * 2014); the words asked for are left out.
 */
export function nearestWords(
  vectors: Tensor,
  vocabulary: Vocabulary,
  asked: { like: readonly string[]; unlike?: readonly string[]; count?: number },
): Neighbour[] {
  const [words, dim] = vectors.shape as [number, number];
  const data = vectors.data as Float32Array;
  const lengths = Float64Array.from({ length: words }, (_, w) => Math.hypot(...row(data, dim, w)));
  const wanted = new Float64Array(dim);
  const given = new Set<number>();
  const add = (word: string, sign: number) => {
    const number = vocabulary.numberOf(word);
    if (number < 0)
      throw new EngineError('unknown_name', word, 'this word is not in the vocabulary');
    given.add(number);
    row(data, dim, number).forEach((value, k) => {
      wanted[k] = (wanted[k] as number) + (sign * value) / (lengths[number] || 1);
    });
  };
  for (const word of asked.like) add(word, 1);
  for (const word of asked.unlike ?? []) add(word, -1);
  const length = Math.hypot(...wanted) || 1;
  return vocabulary.words
    .map((word, w) => ({ word, w }))
    .filter(({ w }) => !given.has(w))
    .map(({ word, w }) => {
      const product = row(data, dim, w).reduce((sum, x, k) => sum + x * (wanted[k] as number), 0);
      return { word, similarity: product / (length * (lengths[w] || 1)) };
    })
    .sort((a, b) => b.similarity - a.similarity)
    .slice(0, asked.count ?? 10);
}

function row(data: Float32Array, dim: number, at: number): Float32Array {
  return data.subarray(at * dim, (at + 1) * dim);
}
