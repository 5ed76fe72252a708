import { existsSync } from 'node:fs';
import type { ImportedNetwork } from '@vanda/formats';
import {
  importKeras,
  importOnnx,
  importTfjsGraph,
  importTfjsLayers,
  readTfjsFolder,
} from '@vanda/formats';

/** Reads PATH.onnx, PATH.keras, PATH.h5, or a folder PATH of TensorFlow.js. */
export async function openNetwork(path: string): Promise<ImportedNetwork> {
  if (existsSync(`${path}.onnx`)) return await importOnnx(`${path}.onnx`);
  const keras = [`${path}.keras`, `${path}.h5`].find((file) => existsSync(file));
  if (keras !== undefined) return await importKeras(keras);
  const { modelJson, weightBytes } = await readTfjsFolder(path);
  const { format } = modelJson as { format?: unknown };
  const read = format === 'graph-model' ? importTfjsGraph : importTfjsLayers;
  return read(modelJson, weightBytes);
}
