import type { Dim, DType, Node, Tensor } from '@vanda/engine';
import { EngineError, Graph } from '@vanda/engine';
import { FormatError } from '../format-error.ts';
import type { ImportedNetwork, NamedTensors } from '../imported-network.ts';
import { JsonField } from '../json-field.ts';
import { topologicalOrder } from '../topological-order.ts';
import type { Argument } from './graph-node.ts';
import { Attributes, shapeOfProto } from './graph-node.ts';
import { graphOperations } from './graph-operations.ts';
import { tensorsOfManifest } from './weight-manifest.ts';

const FORMAT = 'TFJS graph';
const NODES_MAX = 100_000;
const inputTypes: Readonly<Record<string, DType>> = {
  DT_FLOAT: 'f32',
  DT_INT32: 'i32',
  DT_INT64: 'i64',
  DT_UINT8: 'u8',
  DT_BOOL: 'bool',
};

/**
 * A graph model of TensorFlow.js (a frozen TensorFlow GraphDef as JSON): `modelJson` is the parsed model.json,
 * `weightBytes` its shards one after the other. Stored tensors of f32 with axes become variables by the names of their
 * nodes, all others constants; inputs and outputs are those of the signature, by the names of their nodes.
 */
export function importTfjsGraph(modelJson: unknown, weightBytes: Uint8Array): ImportedNetwork {
  const file = new JsonField(FORMAT, '', modelJson);
  const topology = file.get('modelTopology');
  const library = topology.get('library');
  if (!library.absent && !library.get('function').absent && library.get('function').list().length)
    library.get('function').fail('functions of a graph cannot be taken');
  const tensors = tensorsOfManifest(file.get('weightsManifest'), weightBytes);
  const layout = new GraphLayout(definitionsOf(topology.get('node')), tensors);
  const [inputs, outputs] = signatureOf(file, layout);
  return { graph: layout.graph, inputs, outputs, places: layout.places, metadata: {} };
}

interface Definition {
  readonly name: string;
  readonly op: string;
  readonly field: JsonField;
  /** Names of nodes; an output other than the first has its number behind a colon. */
  readonly inputs: readonly string[];
}

function definitionsOf(nodes: JsonField): Definition[] {
  const fields = nodes.list();
  if (fields.length > NODES_MAX) nodes.fail(`has more than ${NODES_MAX} nodes`);
  const names = new Set<string>();
  const definitions = fields.map((field): Definition => {
    const name = field.get('name').text();
    if (names.has(name)) field.get('name').fail(`there are two nodes called '${name}'`);
    names.add(name);
    const inputs = field.get('input').absent ? [] : field.get('input').list();
    // Those with ^ before them only say what runs first.
    const read = inputs.map((input) => input.text()).filter((input) => !input.startsWith('^'));
    const first = read.map((input) => input.replace(/:0$/, ''));
    return { name, op: field.get('op').text(), field, inputs: first };
  });
  const { order, stuck } = topologicalOrder(
    definitions,
    (definition) => definition.name,
    (definition) => definition.inputs,
  );
  if (stuck) stuck.field.fail(`the node '${stuck.name}' depends on its own result`);
  return order;
}

class GraphLayout {
  readonly graph = new Graph();
  readonly places = new Map<string, Node>();
  readonly placeholders = new Map<string, Node>();
  /** Nodes that no other node reads. */
  readonly ends = new Set<string>();
  readonly #arguments = new Map<string, Argument>();

  constructor(definitions: readonly Definition[], tensors: NamedTensors) {
    const left = new Set(Object.keys(tensors));
    for (const definition of definitions) {
      const { name, op, inputs } = definition;
      for (const input of inputs) this.ends.delete(input);
      if (op !== 'NoOp') this.ends.add(name);
      left.delete(name);
      this.#arguments.set(
        name,
        guarded(definition, () => this.#argument(definition, tensors)),
      );
    }
    const [more] = left;
    if (more !== undefined)
      throw new FormatError(FORMAT, more, 'no node has a weight of that name');
  }

  #argument(definition: Definition, tensors: NamedTensors): Argument {
    const { name, op, field } = definition;
    if (op === 'NoOp') return computed(definition, () => field.fail('NoOp has no result'));
    if (op === 'Const') {
      const tensor = Object.hasOwn(tensors, name) ? tensors[name] : undefined;
      return tensor
        ? this.#stored(name, tensor)
        : field.fail(`the manifest has no weight '${name}'`);
    }
    const node = op === 'Placeholder' ? this.#placeholder(definition) : this.#operation(definition);
    this.places.set(name, node);
    return computed(definition, () => node);
  }

  #stored(name: string, tensor: Tensor): Argument {
    let made: Node | undefined;
    const weight = tensor.dtype === 'f32' && tensor.shape.length > 0;
    const make = () =>
      weight ? this.graph.variable(name, tensor.shape, tensor) : this.graph.constant(tensor);
    return { stored: () => tensor, node: () => (made ??= make()) };
  }

  #placeholder({ name, field }: Definition): Node {
    const attributes = new Attributes(field.get('attr'));
    const dtype = inputTypes[attributes.type('dtype')];
    if (!dtype)
      field
        .get('attr')
        .get('dtype')
        .fail(`inputs of ${attributes.type('dtype')} cannot be taken`);
    const shape = attributes.field('shape').get('shape');
    const dims = shapeOfProto(shape).map((dim, axis): Dim => {
      if (dim >= 1) return dim;
      return dim === -1 && axis === 0 ? null : shape.fail('only the batch may be left open');
    });
    const node = this.graph.placeholder(name, dims, dtype);
    this.placeholders.set(name, node);
    return node;
  }

  #operation({ name, op, field, inputs }: Definition): Node {
    const rule = graphOperations.get(op);
    if (!rule) {
      const known = [...graphOperations.keys()].join(', ');
      return field.fail(`there is no operation '${op.slice(0, 100)}'; known are ${known}`);
    }
    const read = inputs.map((input, i) => {
      const argument = this.#arguments.get(input);
      const where = () => field.get('input').list()[i] as JsonField;
      return argument ?? where().fail(`there is no node '${input.slice(0, 200)}'`);
    });
    const attributes = new Attributes(field.get('attr'));
    return rule({ graph: this.graph, field, name, inputs: read, attributes });
  }
}

function computed({ name, field }: Definition, node: () => Node): Argument {
  return {
    node,
    stored: () => field.fail(`'${name}' is computed where a stored tensor is needed`),
  };
}

/** What the engine refuses is a fault of the file: its shapes or settings do not go together. */
function guarded<T>({ name, field }: Definition, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new FormatError(FORMAT, field.path, `'${name}': ${error.message}`);
  }
}

type Named = Record<string, Node>;

/** The inputs and outputs of the signature, or all placeholders and all ends. */
function signatureOf(file: JsonField, layout: GraphLayout): [Named, Named] {
  const metadata = file.get('userDefinedMetadata');
  const given = file.get('signature').absent && !metadata.absent ? metadata : file;
  const signature = given.get('signature');
  const inputs: Named = Object.fromEntries(layout.placeholders);
  const ends = [...layout.ends].flatMap((name) => nodeEntry(layout, name));
  if (signature.absent) return [inputs, Object.fromEntries(ends)];
  const outputs = signature.get('outputs');
  const named = Object.keys(outputs.object()).flatMap((key) => {
    const name = outputs.get(key).get('name').text().replace(/:0$/, '');
    const entry = nodeEntry(layout, name);
    return entry.length ? entry : outputs.get(key).fail(`there is no node '${name.slice(0, 200)}'`);
  });
  return [inputs, Object.fromEntries(named)];
}

function nodeEntry(layout: GraphLayout, name: string): [string, Node][] {
  const node = layout.places.get(name);
  return node ? [[name, node]] : [];
}
