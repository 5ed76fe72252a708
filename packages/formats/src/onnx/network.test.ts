import type { Graph } from '@vanda/engine';
import { readSafetensors, Session } from '@vanda/engine';
import { expect, test } from 'vitest';
import { goldenPath } from './golden.fixture.ts';
import { importOnnx } from './import-onnx.ts';

function opsOf(graph: Graph, network: { outputs: Readonly<Record<string, unknown>> }): string[] {
  const json = graph.toJSON(Object.values(network.outputs) as Parameters<Graph['toJSON']>[0]);
  return json.nodes.map((node) => (node as { op: string }).op);
}

test('no elements move between the layers of a convolutional network', async () => {
  const squeezing = await importOnnx(goldenPath('squeezing.onnx'));
  expect(opsOf(squeezing.graph, squeezing)).not.toContain('transpose');
  const cnn = await importOnnx(goldenPath('cnn.onnx'));
  const ops = opsOf(cnn.graph, cnn);
  expect(
    ops.filter((op) => op === 'transpose'),
    'before the dense layer alone',
  ).toHaveLength(1);
});

test('weights are variables by their names, statistics are not trained', async () => {
  const { graph } = await importOnnx(goldenPath('cnn.onnx'));
  const variables = new Map(graph.variables.map((info) => [info.name, info]));
  expect(variables.get('0.weight')?.shape, 'a kernel [KH, KW, C, O]').toEqual([3, 3, 3, 8]);
  expect(variables.get('7.weight')?.shape, 'a dense weight [I, O]').toEqual([96, 5]);
  expect(variables.get('1.weight')?.trainable).toBe(true);
  expect(variables.get('1.running_mean')?.trainable).toBe(false);
  const frozen = await importOnnx(goldenPath('cnn.onnx'), {
    trainable: (name) => name === '7.bias',
  });
  const trained = frozen.graph.variables.filter(({ trainable }) => trainable);
  expect(trained.map(({ name }) => name)).toEqual(['7.bias']);
});

test('the batch stays open, and a network can be cut at what its source names', async () => {
  const { graph, inputs, places } = await importOnnx(goldenPath('cnn.onnx'));
  expect(inputs.input?.shape).toEqual([null, 12, 12, 3]);
  const features = [...places].findLast(([, node]) => node.shape.length === 4)?.[1];
  expect(features?.shape).toEqual([null, 4, 4, 6]);
  const session = new Session(graph, { threads: 1 });
  const picture = { dtype: 'f32' as const, shape: [5, 12, 12, 3], data: new Float32Array(5 * 432) };
  const { cut } = session.runSync(
    { input: picture },
    { cut: features as NonNullable<typeof features> },
  );
  expect(cut.shape).toEqual([5, 4, 4, 6]);
});

test('an imported network trains on', async () => {
  const { graph, inputs, outputs } = await importOnnx(goldenPath('words.onnx'));
  const { tensors } = await readSafetensors(goldenPath('words.safetensors'));
  const loss = graph.mean(graph.square(outputs.output1 as NonNullable<typeof outputs.output1>));
  const weights = graph.variables.filter(({ trainable }) => trainable).map(({ node }) => node);
  const gradients = graph.gradients(loss, weights);
  expect(gradients).toHaveLength(weights.length);
  const session = new Session(graph, { threads: 1 });
  const feeds = Object.fromEntries(Object.keys(inputs).map((name) => [name, tensors[name]]));
  const at = graph.variables.findIndex(({ name }) => name === 'word.weight');
  const results = await session.run(feeds as never, { gradient: gradients[at] as never, loss });
  const largest = Math.max(...Array.from(results.gradient.data as Float32Array, Math.abs));
  expect(largest).toBeGreaterThan(1e-4);
});
