import type { Tensor } from '@vanda/engine';
import { expect, test } from 'vitest';
import { importTfjsLayers } from '../layers-model.ts';
import { nsfwjs } from '../nsfwjs.fixture.ts';
import { largestDifference, outputsOf, pictures } from '../tensorflow.fixture.ts';
import { TensorflowRuntime } from './tensorflow-runtime.ts';
import { exportTfjsLayers } from './tfjs-exporter.ts';

test('MobileNet v2 goes out as it came in', { timeout: 120_000 }, async () => {
  const { json, bytes } = await nsfwjs('mobilenet_v2');
  const network = importTfjsLayers(json, bytes);
  const feeds = { input_1: await pictures(224) };
  const wanted = await outputsOf(network, feeds);
  const { modelJson, shards } = await exportTfjsLayers(network);
  expect(Math.max(...shards.map((shard) => shard.bytes.length))).toBe(4 * 2 ** 20);
  const written = Buffer.concat(shards.map((shard) => shard.bytes));
  const runtime = await TensorflowRuntime.open(modelJson, written);
  const given = await runtime.run(feeds);
  runtime.close();
  const again = await outputsOf(importTfjsLayers(modelJson, written), feeds);
  expect(Object.keys(given)).toEqual(Object.keys(wanted));
  for (const [name, { data }] of Object.entries(wanted)) {
    const numbers = data as Float32Array;
    expect(largestDifference((given[name] as Tensor).data, numbers)).toBeLessThan(1e-4);
    expect(largestDifference((again[name] as Tensor).data, numbers)).toBeLessThan(1e-4);
  }
  const layers = (modelJson as { modelTopology: { config: { layers: unknown[] } } }).modelTopology;
  expect(layers.config.layers.length, 'normalisations are part of the convolutions').toBeLessThan(
    90,
  );
});
