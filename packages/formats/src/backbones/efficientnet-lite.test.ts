import { readFile } from 'node:fs/promises';
import type { Node } from '@vanda/engine';
import { Session, tensor } from '@vanda/engine';
import { expect, test } from 'vitest';
import { formulaPicture, formulaWeights } from '../../../../tools/corpus/formula-network.ts';
import { importEfficientNetLite0 } from './efficientnet-lite.ts';

const golden = JSON.parse(
  await readFile(new URL('../../goldens/efficientnet-lite0.json', import.meta.url), 'utf8'),
);

test('with weights by a formula it computes what torch computes', async () => {
  const counter = { '_bn0.num_batches_tracked': tensor(BigInt64Array.of(7n), []) };
  const network = importEfficientNetLite0({ ...formulaWeights(golden.shapes), ...counter });
  const session = new Session(network.graph);
  const features = network.places.get('features');
  if (!features) throw new Error('there are no features');
  const fetches: Record<string, Node> = { ...network.outputs, features };
  const outputs = await session.run({ image: formulaPicture() }, fetches);
  for (const name of ['features', 'logits'] as const) {
    const values = outputs[name]?.data ?? [];
    for (const [i, value] of (golden.formula[name] as number[]).entries())
      expect(Math.abs(Number(values[i * golden.step]) - value), `${name} ${i}`).toBeLessThan(1e-4);
  }
});

test('a weight that is missing or left over is named', () => {
  const weights = formulaWeights(golden.shapes);
  const { '_fc.bias': _, ...some } = weights;
  expect(() => importEfficientNetLite0(some)).toThrow(/'_fc.bias' is missing/);
  expect(() => importEfficientNetLite0({ ...weights, extra: tensor([1]) })).toThrow(
    /'extra' is left over/,
  );
});
