import { Graph } from '@vanda/engine';
import { FormatError } from '../format-error.ts';
import type { ImportedNetwork, NamedTensors } from '../imported-network.ts';
import { JsonField } from '../json-field.ts';
import type { WantedWeight } from '../keras/build-network.ts';
import { buildNetwork } from '../keras/build-network.ts';
import { withoutCell } from '../keras/fill-weights.ts';
import { readModelConfig } from '../keras/model-config.ts';
import { tensorsOfManifest } from './weight-manifest.ts';

const FORMAT = 'TFJS layers';

/**
 * A layers model of TensorFlow.js (a Keras model as tensorflowjs_converter or model.save() write it): `modelJson` is
 * the parsed model.json, `weightBytes` its shards one after the other. Weights become variables by their Keras names,
 * with the names of nested models before them; a layer that the file has frozen gives variables that are not trained.
 */
export function importTfjsLayers(modelJson: unknown, weightBytes: Uint8Array): ImportedNetwork {
  const file = new JsonField(FORMAT, '', modelJson);
  const topology = file.get('modelTopology');
  const converted = topology.get('model_config');
  const model = readModelConfig(converted.absent ? topology : converted);
  const graph = new Graph();
  const { weights, ...network } = buildNetwork(graph, model, 'keras2');
  const tensors = tensorsOfManifest(file.get('weightsManifest'), weightBytes);
  fill(graph, weights, tensors);
  return { graph, ...network, metadata: metadataOf(file.get('userDefinedMetadata')) };
}

/** What whoever saved the model put beside it: strings as they are, anything else as JSON. */
function metadataOf(field: JsonField): Record<string, string> {
  if (field.absent) return {};
  return Object.fromEntries(
    Object.entries(field.object()).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : jsonOf(value, field.get(name)),
    ]),
  );
}

/** Parsing takes lists as deep as the file likes, writing does not. */
function jsonOf(value: unknown, field: JsonField): string {
  try {
    return JSON.stringify(value);
  } catch {
    return field.fail('lies too deep in lists and objects');
  }
}

/** Puts each tensor where its name says: LAYER/weight, or LAYER/CELL/weight as TensorFlow 2.2 and later write it. */
function fill(graph: Graph, weights: readonly WantedWeight[], tensors: NamedTensors): void {
  const left = new Map(Object.entries(tensors));
  const short = new Map([...left.keys()].map((name) => [withoutCell(name), name]));
  for (const wanted of weights) {
    const own = `${wanted.layer.name}/${wanted.weight}`;
    const found = [wanted.name, own, short.get(own)].find((name) => name && left.has(name));
    const tensor = found === undefined ? undefined : left.get(found);
    if (found === undefined || !tensor)
      throw new FormatError(FORMAT, wanted.name, 'the manifest has no weight of that name');
    left.delete(found);
    if (tensor.dtype !== 'f32' || tensor.shape.join() !== wanted.shape.join())
      throw new FormatError(
        FORMAT,
        found,
        `is ${tensor.dtype} [${tensor.shape.join(', ')}], the layer needs f32 [${wanted.shape.join(', ')}]`,
      );
    graph.initialValues.set(wanted.name, tensor);
  }
  const [more] = left.keys();
  if (more !== undefined) throw new FormatError(FORMAT, more, 'no layer has a weight of that name');
}
