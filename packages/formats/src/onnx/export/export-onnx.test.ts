import type { Tensor } from '@vanda/engine';
import { readSafetensors, Session } from '@vanda/engine';
import { expect, test } from 'vitest';
import { goldenNames, goldenPath, laidLike, largestDifference } from '../golden.fixture.ts';
import { importOnnx } from '../import-onnx.ts';
import { encodeModel, onnxModelOf } from './export-onnx.ts';
import { OnnxRuntime } from './onnx-runtime.ts';

test.for(goldenNames())(
  'ONNX Runtime gives what the engine gives, and so does another import: %s',
  async (name) => {
    const network = await importOnnx(goldenPath(`${name}.onnx`));
    const { tensors } = await readSafetensors(goldenPath(`${name}.safetensors`));
    const feeds = Object.fromEntries(
      Object.entries(network.inputs).map(([key, node]) => [
        key,
        laidLike(tensors[key] as Tensor, node),
      ]),
    );
    const expected = await new Session(network.graph, { threads: 1 }).run(feeds, network.outputs);
    const bytes = encodeModel(await onnxModelOf(network));
    const runtime = await OnnxRuntime.open(bytes);
    const results = await runtime.run(feeds);
    await runtime.close();
    const again = await importOnnx(bytes);
    const repeated = await new Session(again.graph, { threads: 1 }).run(feeds, again.outputs);
    for (const [key, value] of Object.entries(expected)) {
      expect(largestDifference(results[key] as Tensor, value), key).toBeLessThan(1e-4);
      expect(largestDifference(repeated[key] as Tensor, value), `${key} again`).toBeLessThan(1e-4);
    }
  },
);
