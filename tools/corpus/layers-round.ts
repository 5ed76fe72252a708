import type { Tensor } from '@vanda/engine';
import type { ImportedNetwork } from '@vanda/formats';
import { exportTfjsLayers, FormatError, importTfjsLayers, TensorflowRuntime } from '@vanda/formats';
import { answers } from './network-answers.ts';

type Tensors = Record<string, Tensor>;

/**
 * A network as a layers model: what TensorFlow.js answers, and what another import does; or the operation that layers
 * cannot say.
 */
export async function layersRound(
  network: ImportedNetwork,
  feeds: Tensors,
): Promise<{ exported: Tensors; again: Tensors } | string> {
  const files = await exportTfjsLayers(network).catch((error: unknown) => {
    if (error instanceof FormatError) return error.message;
    throw error;
  });
  if (typeof files === 'string') return files;
  const { modelJson, shards } = files;
  const bytes = Buffer.concat(shards.map((shard) => shard.bytes));
  const runtime = await TensorflowRuntime.open(modelJson, bytes);
  const exported = await runtime.run(feeds);
  runtime.close();
  const again = importTfjsLayers(modelJson, bytes);
  return { exported, again: await answers(again, inWholes(again, feeds)) };
}

/** TensorFlow.js has one kind of whole numbers. */
function inWholes({ inputs }: ImportedNetwork, feeds: Tensors): Tensors {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, value]) => {
      if (inputs[name]?.dtype === value.dtype) return [name, value];
      const data = Int32Array.from(value.data as Int32Array, Number);
      return [name, { dtype: 'i32', shape: value.shape, data } as const];
    }),
  );
}
