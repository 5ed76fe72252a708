import type { Node, Tensor } from '@vanda/engine';
import { Graph } from '@vanda/engine';
import type { ExportableNetwork } from '../../export/exportable-network.ts';
import type { JsonNode } from '../../export/fixed-values.ts';
import { fixedNodes, fixedValues, valueKey } from '../../export/fixed-values.ts';
import { FormatError } from '../../format-error.ts';
import { plainOrder } from '../dims.ts';
import type { ModelProto, ValueInfoProto, Writable } from '../proto.ts';
import { modelType } from '../schema.ts';
import { Emission } from './emission.ts';
import { emitterTable } from './emitters/table.ts';
import { foldAffine } from './fold-affine.ts';
import { dataTypeOf, GraphWriter } from './graph-writer.ts';
import type { LaidValue } from './laid-value.ts';
import { Layout } from './laid-value.ts';
import type { OnnxModel } from './onnx-model.ts';

/** The newest that the runtimes on phones and in browsers of some years all take. */
const OPSET = 18;
const IR_VERSION = 8;

/**
 * A network as a model of ONNX (opset 18, f32). Inputs and outputs keep the names, dims and dtypes of the network, so a
 * picture goes in as [N, H, W, C], as u8 where the network takes that; preprocessing that is part of the graph goes along.
 * Between layers pictures lie channels-first, and elements move at the edges alone.
 */
export async function onnxModelOf(network: ExportableNetwork): Promise<OnnxModel> {
  const inputNames = Object.keys(network.inputs);
  const outputNames = Object.keys(network.outputs);
  // A copy that holds what the outputs need, in the order in which it can be computed.
  const wanted = [...Object.values(network.inputs), ...Object.values(network.outputs)];
  const json = network.graph.toJSON(wanted, { inlined: true });
  const { graph, outputs: ends } = Graph.load(json);
  const nodes = json.nodes as readonly JsonNode[];
  const results = ends.slice(inputNames.length);
  const values = network.values ?? Object.fromEntries(network.graph.initialValues);
  const fixed = fixedNodes(nodes);
  const known = await fixedValues(graph, nodes, fixed, results, values);
  const writer = new GraphWriter();
  const layout = new Layout(writer);
  for (const name of [...inputNames, ...outputNames]) writer.fresh(name);
  const laid = new Map<string, LaidValue>();
  for (const [key, tensor] of known) laid.set(key, fixedValue(nodes, key, tensor));
  for (const [i, name] of inputNames.entries()) {
    const { id, output, shape, dtype } = ends[i] as Node;
    laid.set(valueKey(id, output), { name, dims: shape, dtype, order: plainOrder(shape.length) });
  }
  for (const [id, node] of nodes.entries()) {
    if (fixed[id] || laid.has(valueKey(id, 0))) continue;
    const made = emitted(graph, id, node, laid, writer, layout);
    for (const [output, value] of made.entries()) laid.set(valueKey(id, output), value);
  }
  for (const [i, name] of outputNames.entries()) {
    const { id, output } = results[i] as Node;
    const value = laid.get(valueKey(id, output)) as LaidValue;
    writer.node('Identity', [layout.inOrder(value, plainOrder(value.dims.length))], {}, [name]);
  }
  const model: OnnxModel = {
    nodes: writer.nodes,
    tensors: writer.tensors,
    inputs: inputNames.map((name, i) => valueInfo(name, ends[i] as Node)),
    outputs: outputNames.map((name, i) => valueInfo(name, results[i] as Node)),
    metadata: network.metadata ?? {},
  };
  return foldAffine(model);
}

/** The bytes of a model's file. */
export function encodeModel(model: OnnxModel): Uint8Array {
  const proto: Writable<ModelProto> = {
    irVersion: IR_VERSION,
    producerName: 'vanda',
    opsetImport: [{ domain: '', version: OPSET }],
    graph: {
      name: 'network',
      node: [...model.nodes],
      initializer: [...model.tensors],
      input: [...model.inputs],
      output: [...model.outputs],
    },
    metadataProps: Object.entries(model.metadata).map(([key, value]) => ({ key, value })),
  };
  return modelType.encode(proto).finish();
}

function fixedValue(nodes: readonly JsonNode[], key: string, tensor: Tensor): LaidValue {
  const node = nodes[Number(key.split(':')[0])] as JsonNode;
  const { shape, dtype } = tensor;
  const name = node.name ?? node.op;
  return { dims: shape, dtype, order: plainOrder(shape.length), fixed: { tensor, name } };
}

function emitted(
  graph: Graph,
  id: number,
  node: JsonNode,
  laid: ReadonlyMap<string, LaidValue>,
  writer: GraphWriter,
  layout: Layout,
): readonly LaidValue[] {
  const emit = emitterTable[node.op];
  if (!emit) throw new FormatError('ONNX', `operation '${node.op}'`, 'cannot be said in ONNX');
  const inputs = (node.inputs ?? []).map(([from, output]) => {
    const value = laid.get(valueKey(from, output));
    if (value) return value;
    const text = `takes output ${output} of '${nodeOp(graph, from)}', which ONNX does not have`;
    throw new FormatError('ONNX', `operation '${node.op}'`, text);
  });
  const count = graph.native.describe(id).outputs.length;
  const outputs = Array.from({ length: count }, (_, output) => graph.nodeAt(id, output));
  const attributes = node.attributes ?? {};
  const made = emit(new Emission({ op: node.op, attributes, inputs, outputs, writer, layout }));
  return 'dims' in made ? [made] : made;
}

function nodeOp(graph: Graph, id: number): string {
  return graph.nodeAt(id, 0).op;
}

function valueInfo(name: string, { shape, dtype }: Node): Writable<ValueInfoProto> {
  const dim = shape.map((size) => (size === null ? { dimParam: 'batch' } : { dimValue: size }));
  return { name, type: { tensorType: { elemType: dataTypeOf[dtype], shape: { dim } } } };
}
