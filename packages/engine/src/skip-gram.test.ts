import { expect, test } from 'vitest';
import type { SkipGramOptions } from './index.ts';
import { EngineError, nearestWords, SkipGram, Vocabulary } from './index.ts';

/** Sentences of days, of colours, and of numbers: words of one kind stand together. */
function text(): string[] {
  const kinds = [
    ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'],
    ['red', 'green', 'blue', 'yellow', 'purple', 'orange'],
    ['one', 'two', 'three', 'four', 'five', 'six'],
  ];
  let state = 7;
  const below = (bound: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
  return Array.from({ length: 900 }, () => {
    const kind = kinds[below(3)] as string[];
    return Array.from({ length: 10 }, () => kind[below(6)] as string);
  }).flat();
}

const words = text();
const vocabulary = Vocabulary.of(words);
const options: SkipGramOptions = {
  tokens: vocabulary.numbers(words),
  sentences: Int32Array.from({ length: 900 }, (_, i) => i * 10),
  counts: vocabulary.counts,
  dim: 16,
  sample: 0,
  epochs: 4,
  learningRate: 0.05,
};

test('words that stand together become neighbours, the same ones each time', async () => {
  const trainer = new SkipGram(options);
  const losses: number[] = [];
  const done = await trainer.train({ onProgress: ({ loss }) => losses.push(loss) });
  expect(done).toEqual({ reason: 'finished', epoch: 4 });
  expect(losses.at(-1)).toBeLessThan(losses[0] as number);
  const { vectors } = trainer.state();
  const near = nearestWords(vectors, vocabulary, { like: ['red'], count: 5 });
  expect(near.map(({ word }) => word).sort()).toEqual([
    'blue',
    'green',
    'orange',
    'purple',
    'yellow',
  ]);
  const again = new SkipGram(options);
  await again.train({ untilEpoch: 1 });
  const rest = new SkipGram(options);
  rest.restore(again.state());
  await rest.train();
  expect(rest.state()).toEqual(trainer.state());
});

test('stop() ends a training, and a wrong wish is an error with a sentence', async () => {
  const trainer = new SkipGram({ ...options, epochs: 100_000 });
  const running = trainer.train();
  await expect(trainer.train()).rejects.toMatchObject({ code: 'busy' });
  expect(() => trainer.state()).toThrow('is running');
  trainer.stop();
  expect((await running).reason).toBe('stopped');
  expect(() => new SkipGram({ ...options, threads: 2 })).toThrow('lockFree');
  expect(() => new SkipGram({ ...options, window: 0 })).toThrow(EngineError);
  expect(() => new SkipGram({ ...options, tokens: Int32Array.of(1000) })).toThrow('vocabulary');
  const wrong = { ...options, counts: [1, 2] as unknown as Int32Array };
  expect(() => new SkipGram(wrong)).toThrow('Int32Array');
});
