import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { DType } from '@vanda/engine';
import { Session, tensor } from '@vanda/engine';
import { expect, test } from 'vitest';
import { importKeras } from './keras-file.ts';

const golden = (name: string) =>
  fileURLToPath(new URL(`../../goldens/keras/${name}`, import.meta.url));

const files = [
  'pictures.keras',
  'pictures.h5',
  'sentences.keras',
  'sentences.h5',
  'attention.keras',
  'nested.keras',
  'nested.h5',
  'unsaid.keras',
  'operators.keras',
];

test.each(files)('%s gives what Keras gives', async (name) => {
  const expected = JSON.parse(await readFile(golden(name.replace(/\..*/, '.json')), 'utf8'));
  const network = await importKeras(golden(name));
  const [input, { dtype }] = Object.entries(network.inputs)[0] as [string, { dtype: DType }];
  const session = new Session(network.graph, { threads: 1 });
  const feeds = { [input]: tensor(expected.x, expected.shape, dtype) };
  const outputs = Object.values(await session.run(feeds, network.outputs));
  expect(outputs).toHaveLength(1);
  expect(outputs[0]?.shape).toEqual(expected.outputShape);
  for (const [i, value] of (expected.y as number[]).entries())
    expect(Math.abs(Number(outputs[0]?.data[i]) - value), `output ${i}`).toBeLessThan(1e-5);
});
