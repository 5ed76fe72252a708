import { Graph } from '@vanda/engine';
import { FormatError } from '../format-error.ts';
import type { ImportedNetwork } from '../imported-network.ts';
import { JsonField } from '../json-field.ts';
import { readModelFile } from '../read-file.ts';
import { storedEntries } from '../stored-zip.ts';
import { elementsOf } from '../tensor-shape.ts';
import type { WantedWeight } from './build-network.ts';
import { buildNetwork } from './build-network.ts';
import { fillByName, fillByNumber } from './fill-weights.ts';
import { Hdf5Reader } from './hdf5-reader.ts';
import type { Dialect } from './layer-rule.ts';
import type { KerasModel } from './model-config.ts';
import { readModelConfig } from './model-config.ts';

const FORMAT = 'Keras';
const CONFIG_CHARACTERS_MAX = 256 * 2 ** 20;
const NUMBER_BYTES_MIN = 4;

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

/** The two entries of a .keras archive that make a network. */
export async function readKerasArchive(
  bytes: Buffer,
): Promise<{ config: string; weights: Buffer }> {
  const entries = await storedEntries(FORMAT, bytes);
  const [config, weights] = ['config.json', 'model.weights.h5'].map((name) => entries.get(name));
  if (!config || !weights)
    throw new FormatError(
      FORMAT,
      'archive',
      'must have the entries config.json and model.weights.h5',
    );
  return { config: config.toString('utf8'), weights };
}

/**
 * The network of a config.json, refused before anything of the weights is read; `fill` reads them, and `weightBytes` is
 * the least that they take: they are stored as they are, in 4 bytes or more each.
 */
export function readKerasConfig(config: string): {
  network: ImportedNetwork;
  weightBytes: number;
  fill: (weights: Hdf5Reader) => Promise<void>;
} {
  const { network, model, weights } = networkOf('config.json', config, 'keras3');
  const numbers = weights.reduce((sum, { shape }) => sum + elementsOf(shape), 0);
  return {
    network,
    weightBytes: numbers * NUMBER_BYTES_MIN,
    fill: (file) => fillByNumber(network.graph, model, weights, file),
  };
}

async function archive(bytes: Buffer, timeoutMs: number): Promise<ImportedNetwork> {
  const { config, weights } = await readKerasArchive(bytes);
  const { network, weightBytes, fill } = readKerasConfig(config);
  if (weightBytes > weights.byteLength)
    throw new FormatError(
      FORMAT,
      'model.weights.h5',
      `has ${weights.byteLength} bytes, the layers of config.json need ${weightBytes}`,
    );
  await reading(weights, timeoutMs, fill);
  return network;
}

async function legacy(bytes: Buffer, timeoutMs: number): Promise<ImportedNetwork> {
  return await reading(bytes, timeoutMs, async (file) => {
    const config = await file.text('', 'model_config');
    if (config === undefined)
      throw new FormatError(
        FORMAT,
        'model_config',
        'is missing: the file holds weights alone, no model',
      );
    const version = await file.text('', 'keras_version');
    const dialect: Dialect = version?.startsWith('3') ? 'keras3' : 'keras2';
    const { network, weights } = networkOf('model_config', config, dialect);
    await fillByName(network.graph, weights, file);
    return network;
  });
}

async function reading<T>(
  bytes: Buffer,
  timeoutMs: number,
  body: (file: Hdf5Reader) => Promise<T>,
): Promise<T> {
  const file = await Hdf5Reader.open(FORMAT, bytes, timeoutMs);
  try {
    return await body(file);
  } finally {
    await file.close();
  }
}

interface Outline {
  readonly network: ImportedNetwork;
  readonly model: KerasModel;
  readonly weights: readonly WantedWeight[];
}

/** All but the values of the weights. */
function networkOf(name: string, config: string, dialect: Dialect): Outline {
  const model = readModelConfig(parsed(name, config));
  const graph = new Graph();
  const { weights, ...network } = buildNetwork(graph, model, dialect);
  return { network: { graph, ...network, metadata: {} }, model, weights };
}

function parsed(name: string, text: string): JsonField {
  if (text.length > CONFIG_CHARACTERS_MAX) throw new FormatError(FORMAT, name, 'has over 256 MiB');
  try {
    return new JsonField(FORMAT, name, JSON.parse(text));
  } catch {
    throw new FormatError(FORMAT, name, 'is not JSON');
  }
}
