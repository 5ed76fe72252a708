import type { Node, Tensor } from '@vanda/engine';
import { Graph } from '@vanda/engine';
import type { ExportableNetwork } from '../../export/exportable-network.ts';
import type { JsonNode } from '../../export/fixed-values.ts';
import { fixedNodes, fixedValues, valueKey } from '../../export/fixed-values.ts';
import { FormatError } from '../../format-error.ts';
import { layerEmitterTable } from './emitters/table.ts';
import { foldLayers } from './fold-layers.ts';
import type { KerasLayerOut, LayerOutput, LayerValue } from './keras-layer.ts';
import { LayerEmission } from './layer-emission.ts';
import { isPlainName, LayerWriter } from './layer-writer.ts';

const FORMAT = 'TFJS layers';

/** A layers model before it is files: its model.json but for the manifest's shards, and its weights in their order. */
export interface LayersModel {
  readonly topology: unknown;
  readonly weights: readonly { readonly name: string; readonly tensor: Tensor }[];
  readonly metadata: Readonly<Record<string, unknown>>;
}

/**
 * A network as a layers model of TensorFlow.js. Inputs and outputs keep their names (as those of layers), their order
 * and their dims with an open batch; whole numbers go in as int32.
 *
 * @throws FormatError with the operation that no layer of TensorFlow.js can say.
 */
export async function layersModelOf(network: ExportableNetwork): Promise<LayersModel> {
  const inputNames = Object.keys(network.inputs);
  const outputNames = Object.keys(network.outputs);
  // A copy that holds what the outputs need, in the order in which it can be computed.
  const json = network.graph.toJSON([
    ...Object.values(network.inputs),
    ...Object.values(network.outputs),
  ]);
  const { graph, outputs } = Graph.load(json);
  const nodes = json.nodes as readonly JsonNode[];
  const results = outputs.slice(inputNames.length);
  const writer = new LayerWriter();
  for (const name of [...inputNames, ...outputNames]) writer.fresh(name);
  const laid = new Map<string, LayerValue | FormatError>();
  for (const [key, value] of await knownValues(network, graph, nodes, results))
    laid.set(key, value);
  for (const [i, name] of inputNames.entries()) {
    const { id, output, shape, dtype } = outputs[i] as Node;
    if (!isPlainName(name))
      throw new FormatError(FORMAT, `input '${name}'`, 'is no name that TensorFlow.js takes');
    if (shape[0] !== null || shape.slice(1).includes(null))
      throw new FormatError(
        FORMAT,
        `input '${name}'`,
        'must have an open batch and nothing else open',
      );
    laid.set(valueKey(id, output), writer.input(name, shape, dtype));
  }
  const read = new Set(results.map(({ id, output }) => valueKey(id, output)));
  for (const { inputs = [] } of nodes) for (const from of inputs) read.add(valueKey(...from));
  for (const id of nodes.keys()) {
    if (laid.has(valueKey(id, 0))) continue;
    const made = emitted({ graph, nodes, id, laid, read, writer });
    for (const [output, value] of made.entries()) laid.set(valueKey(id, output), value);
  }
  const ends = results.map(({ id, output }, i): LayerOutput => {
    const value = laid.get(valueKey(id, output));
    if (value instanceof FormatError) throw value;
    const { from, dtype, dims } = value ?? {};
    if (from && dtype === 'f32' && dims?.[0] === null) return from;
    throw new FormatError(
      FORMAT,
      `output '${outputNames[i]}'`,
      'must be f32 and change with the inputs',
    );
  });
  const folded = foldLayers(writer.layers, ends, writer);
  const layers = named(folded.layers, folded.ends, outputNames);
  return {
    topology: topologyOf(layers, inputNames, outputNames),
    weights: layers.flatMap(({ name, weights }) =>
      Object.entries(weights).map(([weight, tensor]) => ({ name: `${name}/${weight}`, tensor })),
    ),
    metadata: Object.fromEntries(
      Object.entries(network.metadata ?? {}).map(([name, text]) => [name, parsed(text)]),
    ),
  };
}

async function knownValues(
  network: ExportableNetwork,
  graph: Graph,
  nodes: readonly JsonNode[],
  results: readonly Node[],
): Promise<[string, LayerValue][]> {
  const values = network.values ?? Object.fromEntries(network.graph.initialValues);
  const known = await fixedValues(graph, nodes, fixedNodes(nodes), results, values);
  return [...known].map(([key, tensor]) => {
    const { op, name = op } = nodes[Number(key.split(':')[0])] as JsonNode;
    return [key, { dims: tensor.shape, dtype: tensor.dtype, fixed: { tensor, name } }];
  });
}

interface Emitting {
  readonly graph: Graph;
  readonly nodes: readonly JsonNode[];
  readonly id: number;
  readonly laid: ReadonlyMap<string, LayerValue | FormatError>;
  readonly read: ReadonlySet<string>;
  readonly writer: LayerWriter;
}

/** What cannot be said is an error only for whom reads it: it may be part of what is said as a whole. */
function emitted(of: Emitting): readonly (LayerValue | FormatError)[] {
  const { graph, nodes, id, laid, read, writer } = of;
  const count = graph.native.describe(id).outputs.length;
  const outputs = Array.from({ length: count }, (_, output) => graph.nodeAt(id, output));
  const isRead = outputs.map(({ output }) => read.has(valueKey(id, output)));
  const emission = new LayerEmission({ id, nodes, outputs, read: isRead, laid, writer });
  const emit = layerEmitterTable[emission.op];
  try {
    if (!emit) return emission.refuse('cannot be said by layers of TensorFlow.js');
    const made = emit(emission);
    return 'dims' in made ? [made] : made;
  } catch (error) {
    if (error instanceof FormatError) return outputs.map(() => error);
    throw error;
  }
}

/** The layers that give the outputs under the outputs' names; one more where a layer gives none, several or a second. */
function named(
  layers: readonly KerasLayerOut[],
  ends: readonly LayerOutput[],
  names: readonly string[],
): KerasLayerOut[] {
  const taken = new Set<KerasLayerOut>();
  const added: KerasLayerOut[] = [];
  for (const [i, end] of ends.entries()) {
    const name = names[i] as string;
    const { layer } = end;
    const single = layer.className !== 'InputLayer' && layer.config.return_state !== true;
    if (single && !taken.has(layer)) {
      layer.name = name;
      taken.add(layer);
    } else {
      const config = { activation: 'linear' };
      added.push({ name, className: 'Activation', config, inputs: [end], weights: {} });
    }
  }
  return [...layers, ...added];
}

/** As `model.toJSON` of TensorFlow.js writes it. */
function topologyOf(
  layers: readonly KerasLayerOut[],
  inputs: readonly string[],
  outputs: readonly string[],
): unknown {
  return {
    class_name: 'Model',
    config: {
      name: 'model',
      layers: layers.map(({ name, className, config, inputs: from }) => ({
        name,
        class_name: className,
        config: { name, trainable: true, ...config },
        inbound_nodes:
          from.length === 0 ? [] : [from.map(({ layer, output }) => [layer.name, 0, output, {}])],
      })),
      input_layers: inputs.map((name) => [name, 0, 0]),
      output_layers: outputs.map((name) => [name, 0, 0]),
    },
    keras_version: 'tfjs-layers 4.22.0',
    backend: 'tensor_flow.js',
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
