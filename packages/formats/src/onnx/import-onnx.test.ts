import type { Tensor } from '@vanda/engine';
import { readSafetensors, Session } from '@vanda/engine';
import { expect, test } from 'vitest';
import { goldenNames, goldenPath, laidLike, laidOut, largestDifference } from './golden.fixture.ts';
import { importOnnx } from './import-onnx.ts';

test.for(goldenNames())('gives what torch gives: %s', async (name) => {
  const network = await importOnnx(goldenPath(`${name}.onnx`));
  const { tensors } = await readSafetensors(goldenPath(`${name}.safetensors`));
  const feeds = Object.fromEntries(
    Object.entries(network.inputs).map(([key, node]) => [
      key,
      laidLike(tensors[key] as Tensor, node),
    ]),
  );
  const session = new Session(network.graph, { threads: 2 });
  const results = await session.run(feeds, network.outputs);
  for (const [key, result] of Object.entries(results)) {
    expect(largestDifference(result, laidOut(tensors[key] as Tensor, result)), key).toBeLessThan(
      1e-4,
    );
  }
});
