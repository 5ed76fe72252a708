import { Graph } from '@vanda/engine';
import { FormatError } from '../format-error.ts';
import type { ImportedNetwork } from '../imported-network.ts';
import { JsonField } from '../json-field.ts';
import { readModelFile } from '../read-file.ts';
import { storedEntries } from '../stored-zip.ts';
import { buildNetwork } from './build-network.ts';
import { fillByName, fillByNumber } from './fill-weights.ts';
import { Hdf5Reader } from './hdf5-reader.ts';
import type { Dialect } from './layer-rule.ts';
import { readModelConfig } from './model-config.ts';

const FORMAT = 'Keras';
const CONFIG_CHARACTERS_MAX = 256 * 2 ** 20;

/**
 * A whole model of Keras: a .keras archive, or a .h5 file of before. Layers come from a closed table, nothing is looked
 * up by a module's name, nothing is run; weights become variables by their Keras names.
 */
export async function importKeras(
  file: string,
  { parserTimeoutMs = 60_000 }: { parserTimeoutMs?: number } = {},
): Promise<ImportedNetwork> {
  const bytes = await readModelFile(FORMAT, file);
  if (bytes.byteLength >= 4 && bytes.readUInt32LE() === 0x04034b50)
    return await archive(bytes, parserTimeoutMs);
  return await legacy(bytes, parserTimeoutMs);
}

async function archive(bytes: Buffer, timeoutMs: number): Promise<ImportedNetwork> {
  const entries = await storedEntries(FORMAT, bytes);
  const [config, weights] = ['config.json', 'model.weights.h5'].map((name) => entries.get(name));
  if (!config || !weights)
    throw new FormatError(
      FORMAT,
      'archive',
      'must have the entries config.json and model.weights.h5',
    );
  const model = readModelConfig(parsed('config.json', config.toString('utf8')));
  const graph = new Graph();
  const built = buildNetwork(graph, model, 'keras3');
  const file = await Hdf5Reader.open(FORMAT, weights, timeoutMs);
  try {
    await fillByNumber(graph, model, built.weights, file);
  } finally {
    await file.close();
  }
  return {
    graph,
    inputs: built.inputs,
    outputs: built.outputs,
    places: built.places,
    metadata: {},
  };
}

async function legacy(bytes: Buffer, timeoutMs: number): Promise<ImportedNetwork> {
  const file = await Hdf5Reader.open(FORMAT, bytes, timeoutMs);
  try {
    const config = await file.text('', 'model_config');
    if (config === undefined)
      throw new FormatError(
        FORMAT,
        'model_config',
        'is missing: the file holds weights alone, no model',
      );
    const version = await file.text('', 'keras_version');
    const dialect: Dialect = version?.startsWith('3') ? 'keras3' : 'keras2';
    const model = readModelConfig(parsed('model_config', config));
    const graph = new Graph();
    const built = buildNetwork(graph, model, dialect);
    await fillByName(graph, built.weights, file);
    return {
      graph,
      inputs: built.inputs,
      outputs: built.outputs,
      places: built.places,
      metadata: {},
    };
  } finally {
    await file.close();
  }
}

function parsed(name: string, text: string): JsonField {
  if (text.length > CONFIG_CHARACTERS_MAX) throw new FormatError(FORMAT, name, 'has over 256 MiB');
  try {
    return new JsonField(FORMAT, name, JSON.parse(text));
  } catch {
    throw new FormatError(FORMAT, name, 'is not JSON');
  }
}
