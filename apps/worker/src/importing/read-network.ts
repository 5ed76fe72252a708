import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { SourceFormat } from '@vanda/contracts';
import {
  type ImportedNetwork,
  importKeras,
  importOnnx,
  importTfjsGraph,
  importTfjsLayers,
  readTfjsFolder,
} from '@vanda/formats';
import { badData } from '../ingest/bad-data.ts';
import type { LaidOut } from './lay-out.ts';

const descriptionBytesMax = 256 * 1024 ** 2;

/** A network of another tool, or a folder that holds an artifact of Vanda's own. */
export type Found =
  | { format: Exclude<SourceFormat, 'vanda'>; network: ImportedNetwork }
  | { format: 'vanda'; folder: string };

/**
 * Reads the one model among the files of a folder.
 *
 * @param dims Sizes of dims that an ONNX file leaves open.
 * @throws VandaError 'bad-data' where there is none or more than one, FormatError where it cannot be read.
 */
export async function readNetwork(
  folder: string,
  files: readonly LaidOut[],
  dims: Readonly<Record<string, number>>,
): Promise<Found> {
  const models = files.filter(({ name }) =>
    /(^|\/)model\.json$|\.(onnx|keras|h5|hdf5)$/i.test(name),
  );
  const [model, another] = models;
  if (model === undefined) throw noModel(files);
  if (another !== undefined) {
    throw badData(`There are ${models.length} models (${shortList(models)}): bring one at a time.`);
  }
  const path = join(folder, model.name);
  if (/\.onnx$/i.test(model.name))
    return { format: 'onnx', network: await importOnnx(path, { dims }) };
  if (!/\.json$/i.test(model.name)) return { format: 'keras', network: await importKeras(path) };
  return readDescription(path, model);
}

/** model.json is what TensorFlow.js and Vanda call their descriptions. */
async function readDescription(path: string, { bytes }: LaidOut): Promise<Found> {
  if (bytes > descriptionBytesMax) throw badData('model.json has over 256 MiB.');
  const description = parsed(await readFile(path, 'utf8'));
  if (description.format === 'vanda-model/1') return { format: 'vanda', folder: dirname(path) };
  const { modelJson, weightBytes } = await readTfjsFolder(dirname(path));
  const topology = description.modelTopology;
  const isGraph =
    description.format === 'graph-model' ||
    (typeof topology === 'object' && topology !== null && 'node' in topology);
  return isGraph
    ? { format: 'tfjs-graph', network: importTfjsGraph(modelJson, weightBytes) }
    : { format: 'tfjs-layers', network: importTfjsLayers(modelJson, weightBytes) };
}

function parsed(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    throw badData('model.json is not JSON.');
  }
}

function noModel(files: readonly LaidOut[]) {
  const weightsOnly = files.find(({ name }) => /\.(pth|pt|safetensors|ckpt)$/i.test(name));
  const hint = weightsOnly
    ? ` ${basename(weightsOnly.name)} holds weights without the network that they belong to: export the model to ONNX.`
    : '';
  return badData(
    `There is no model among the files (${shortList(files)}): bring an .onnx, .keras or .h5 file, or a folder with model.json and its weights.${hint}`,
  );
}

function shortList(files: readonly LaidOut[]): string {
  const names = files.slice(0, 5).map(({ name }) => name.slice(0, 100));
  return names.join(', ') + (files.length > names.length ? ', ...' : '');
}
