import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Dim, Node } from '@vanda/engine';
import { EngineError } from '@vanda/engine';
import { FormatError } from '../format-error.ts';
import type { ImportedNetwork } from '../imported-network.ts';
import { Attributes } from './attributes.ts';
import { Builder } from './builder.ts';
import { Call } from './call.ts';
import { decodeModel } from './decode-model.ts';
import { channelsLast, plainOrder, sameOrder } from './dims.ts';
import { isExternal, readExternal } from './external-data.ts';
import { fold } from './folding/fold.ts';
import { operatorTable } from './operators/table.ts';
import { picturesOf } from './pictures.ts';
import type { GraphProto, ModelProto, NodeProto, ValueInfoProto } from './proto.ts';
import { checkedShape, dtypeOfData, readTensor } from './tensor-data.ts';
import type { Value } from './value.ts';

export interface OnnxImportOptions {
  /** Sizes of dims that the file leaves open, by their names there: `{ sequence: 128 }`. */
  dims?: Readonly<Record<string, number>>;
  /** Where a model of bytes may read its external data; a file reads it from its own folder. */
  folder?: string;
  /** Which weights an optimizer may change; all by default. Statistics of normalisations never are. */
  trainable?: (name: string) => boolean;
}

const OPSETS = { min: 11, max: 21 };
const FILE_BYTES_MAX = 2 ** 31 - 1;
const NODES_MAX = 100_000;

/**
 * A network of ONNX (opset 11 to 21) as a graph: pictures [N, C, H, W] lie as [N, H, W, C], weights are variables by
 * their names, shapes are computed while the file is read. A first dim that the file leaves open stays the batch; any
 * other open dim needs a number. Whatever is not understood is a FormatError that says where it is.
 */
export async function importOnnx(
  source: Uint8Array | string,
  options: OnnxImportOptions = {},
): Promise<ImportedNetwork> {
  const bytes = typeof source === 'string' ? await readModelFile(source) : source;
  const folder = typeof source === 'string' ? dirname(source) : options.folder;
  const model = decodeModel(bytes);
  const { graph } = model;
  if (!graph) throw new FormatError('ONNX', 'graph', 'there is none');
  const opset = opsetOf(model);
  if (graph.node.length > NODES_MAX) {
    throw new FormatError('ONNX', 'graph.node', `${graph.node.length} nodes are too many`);
  }
  if (graph.sparseInitializer.length > 0) {
    throw new FormatError('ONNX', 'graph.sparse_initializer', 'sparse tensors are not supported');
  }
  const builder = new Builder(options);
  const values = new Map<string, Value>();
  await readInitializers(graph, values, folder);
  const inputs = readInputs(graph, values, builder, options);
  const places = new Map<string, Node>();
  const later = new Set(graph.node.flatMap((node) => node.output));
  for (const [index, node] of graph.node.entries()) {
    applyNode({ node, index, opset, values, builder, places, later });
  }
  return {
    graph: builder.graph,
    inputs,
    outputs: readOutputs(graph, values, builder),
    places,
    metadata: Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value])),
  };
}

async function readModelFile(path: string): Promise<Uint8Array> {
  const info = await stat(path).catch(() => undefined);
  if (!info?.isFile()) throw new FormatError('ONNX', path, 'is no file that can be read');
  if (info.size > FILE_BYTES_MAX) {
    throw new FormatError('ONNX', path, 'is larger than 2 GiB; weights belong into external data');
  }
  return readFile(path);
}

function opsetOf(model: ModelProto): number {
  const other = model.opsetImport.find(({ domain }) => domain !== '' && domain !== 'ai.onnx');
  const found = model.opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx');
  const opset = Number(found?.version ?? 0);
  if (opset >= OPSETS.min && opset <= OPSETS.max) return opset;
  const text = other && !found ? `only '${other.domain}' is there` : `the opset is ${opset}`;
  throw new FormatError('ONNX', 'opset_import', `${text}; ${OPSETS.min} to ${OPSETS.max} are read`);
}

async function readInitializers(
  graph: GraphProto,
  values: Map<string, Value>,
  folder: string | undefined,
): Promise<void> {
  for (const proto of graph.initializer) {
    const field = `initializer '${proto.name}'`;
    if (values.has(proto.name)) throw new FormatError('ONNX', field, 'there are two of that name');
    const external = isExternal(proto) ? await readExternal(proto, field, folder) : undefined;
    const tensor = readTensor(proto, field, external);
    const weight = tensor.dtype === 'f32' && tensor.data.length > 1;
    values.set(proto.name, { kind: 'stored', name: proto.name, tensor, weight });
  }
}

function readInputs(
  graph: GraphProto,
  values: Map<string, Value>,
  builder: Builder,
  options: OnnxImportOptions,
): Record<string, Node> {
  const pictures = picturesOf(graph);
  const inputs = new Map<string, Node>();
  for (const info of graph.input) {
    // Older files list their weights among the inputs.
    if (values.has(info.name)) continue;
    const { dims, dtype } = inputType(info, options.dims ?? {});
    const picture = pictures.has(info.name) && dims.length > 2;
    const order = picture ? channelsLast(dims.length) : plainOrder(dims.length);
    const node = guarded(`input '${info.name}'`, () =>
      builder.graph.placeholder(
        info.name,
        order.map((axis) => dims[axis] ?? null),
        dtype,
      ),
    );
    inputs.set(info.name, node);
    if (dims[0] === null) builder.batch ??= node;
    values.set(info.name, builder.flow(node, order));
  }
  refuseUnknownDims(graph, options.dims ?? {});
  // A name may be any text, __proto__ as well.
  return Object.fromEntries(inputs);
}

/** A size for a dim that is not there is a slip of the pen: the file would be read as if nothing had been said. */
function refuseUnknownDims(graph: GraphProto, sizes: Readonly<Record<string, number>>): void {
  const dims = graph.input.flatMap(({ type }) => type?.tensorType?.shape?.dim ?? []);
  const open = new Set(dims.map(({ dimParam }) => dimParam).filter((name) => name !== ''));
  const unknown = Object.keys(sizes).find((name) => !open.has(name));
  if (unknown === undefined) return;
  const names = [...open].map((name) => `'${name}'`).join(', ');
  const text = open.size === 0 ? 'it leaves none open by a name' : `it leaves open ${names}`;
  throw new FormatError('ONNX', 'dims', `the file has no dim '${unknown}': ${text}`);
}

function inputType(info: ValueInfoProto, sizes: Readonly<Record<string, number>>) {
  const field = `input '${info.name}'`;
  const type = info.type?.tensorType;
  if (!type?.shape) throw new FormatError('ONNX', field, 'is no tensor of known rank');
  const dims = type.shape.dim.map(({ dimValue, dimParam }, axis): Dim => {
    const size = Number(dimValue);
    if (size !== 0) return checkedShape([size], `${field}.shape`)[0] as number;
    const given = Object.hasOwn(sizes, dimParam) ? sizes[dimParam] : undefined;
    if (given !== undefined) return checkedShape([given], `${field}.dims`)[0] as number;
    if (axis === 0) return null;
    const name = dimParam === '' ? 'one without a name' : `'${dimParam}'`;
    const text = `dim ${axis} is open (${name}); only the first may be: give dims a size for it`;
    throw new FormatError('ONNX', field, text);
  });
  checkedShape(
    dims.map((dim) => dim ?? 1),
    `${field}.shape`,
  );
  return { dims, dtype: dtypeOfData(type.elemType, `${field}.elem_type`) };
}

function applyNode(at: {
  node: NodeProto;
  index: number;
  opset: number;
  values: Map<string, Value>;
  builder: Builder;
  places: Map<string, Node>;
  later: ReadonlySet<string>;
}): void {
  const { node, values, builder, places } = at;
  const name = node.name || node.output[0] || String(at.index);
  const where = `node '${name}' (${node.opType})`;
  const operator = operatorTable[node.opType];
  const ownDomain = node.domain === '' || node.domain === 'ai.onnx';
  const attributes = new Attributes(where, node.attribute);
  const inputs = node.input.map((input) => {
    if (input === '') return undefined;
    const value = values.get(input);
    if (value) return value;
    const why = at.later.has(input)
      ? 'is made by this node or a later one: the graph has a cycle, or is not in order'
      : 'is made nowhere';
    throw new FormatError('ONNX', where, `reads '${input}', which ${why}`);
  });
  const outputNames = node.output;
  const call = new Call({
    op: node.opType,
    where,
    opset: at.opset,
    attributes,
    inputs,
    outputNames,
    builder,
  });
  const result = guarded(where, () => {
    const known = ownDomain ? fold(call) : undefined;
    if (known) return known;
    if (ownDomain && operator) return operator(call);
    const domain = ownDomain ? '' : ` of the domain '${node.domain}'`;
    return call.refuse(`the operator ${node.opType}${domain} is not supported`);
  });
  attributes.refuseUnread();
  const results = 'kind' in result ? [result] : result;
  for (const [i, output] of outputNames.entries()) {
    if (output === '') continue;
    const value = results[i] ?? call.refuse(`gives no output ${i}`);
    if (values.has(output)) call.refuse(`makes '${output}', which is there already`);
    values.set(output, value);
    if (value.kind === 'flow') places.set(output, value.node);
  }
}

/** Outputs as ONNX orders them, but pictures as the engine does. */
function readOutputs(
  graph: GraphProto,
  values: Map<string, Value>,
  builder: Builder,
): Record<string, Node> {
  return Object.fromEntries(
    graph.output.map(({ name }) => {
      const value = values.get(name);
      if (!value) throw new FormatError('ONNX', `output '${name}'`, 'is made nowhere');
      const flow = guarded(`output '${name}'`, () => builder.asFlow(value));
      const rank = flow.order.length;
      const picture = rank >= 4 && sameOrder(flow.order, channelsLast(rank));
      return [name, picture ? flow.node : builder.plain(flow)];
    }),
  );
}

/** What the engine refuses is a fault of the file at that place. */
function guarded<T>(where: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof EngineError) throw new FormatError('ONNX', where, error.message);
    throw error;
  }
}
