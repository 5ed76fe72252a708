import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExportableNetwork } from '../../export/exportable-network.ts';
import { readArtifactNetwork } from '../../export/exportable-network.ts';
import type { Exporter } from '../../export-model.ts';
import { readTfjsFolder } from '../model-folder.ts';
import { layersModelOf } from './export-layers.ts';
import { TensorflowRuntime } from './tensorflow-runtime.ts';

/** As tensorflowjs_converter cuts them, so that browsers cache them. */
const SHARD_BYTES = 4 * 2 ** 20;

export interface TfjsFiles {
  /** model.json as a value. */
  readonly modelJson: unknown;
  readonly shards: readonly { readonly name: string; readonly bytes: Uint8Array }[];
}

/** A network as the files of a TensorFlow.js layers model; labels and what else stands beside it as its metadata. */
export async function exportTfjsLayers(network: ExportableNetwork): Promise<TfjsFiles> {
  const { topology, weights, metadata } = await layersModelOf(network);
  const bytes = Buffer.concat(
    weights.map(({ tensor: { data } }) =>
      Buffer.from(data.buffer, data.byteOffset, data.byteLength),
    ),
  );
  const count = Math.ceil(bytes.length / SHARD_BYTES);
  const shards = Array.from({ length: count }, (_, i) => ({
    name: `group1-shard${i + 1}of${count}.bin`,
    bytes: bytes.subarray(i * SHARD_BYTES, (i + 1) * SHARD_BYTES),
  }));
  const specs = weights.map(({ name, tensor: { shape } }) => ({ name, shape, dtype: 'float32' }));
  return {
    modelJson: {
      format: 'layers-model',
      generatedBy: 'Vanda',
      convertedBy: null,
      modelTopology: topology,
      weightsManifest: [{ paths: shards.map(({ name }) => name), weights: specs }],
      userDefinedMetadata: metadata,
    },
    shards,
  };
}

export const tfjsExporter: Exporter = {
  ranWith: 'TensorFlow.js',
  async write({ artifact, folder }) {
    const { modelJson, shards } = await exportTfjsLayers(await readArtifactNetwork(artifact));
    await writeFile(join(folder, 'model.json'), JSON.stringify(modelJson));
    for (const { name, bytes } of shards) await writeFile(join(folder, name), bytes);
    return ['model.json', ...shards.map(({ name }) => name)];
  },
  async open(folder) {
    const { modelJson, weightBytes } = await readTfjsFolder(folder);
    return TensorflowRuntime.open(modelJson, weightBytes);
  },
};
