import { join } from 'node:path';
import { ancestorsOf, cutGraph, type ValueRef } from './cut-graph.ts';
import { EngineError } from './engine-error.ts';
import { Graph } from './graph.ts';
import type { GraphJson } from './graph-core.ts';
import type { ModelJson } from './model-file.ts';
import { readModel, readWeights } from './model-file.ts';
import { nearNames } from './near-names.ts';
import type { Node } from './node.ts';

export interface BaseOptions {
  /** Where to cut; by default what the artifact's `extra.features` names. */
  readonly layer?: string;
  /** Of what is put on the base: its first weights and its dropout. */
  readonly seed?: number;
  /**
   * What stands in place of the base's inputs, by their names, made in a graph of its own: pictures of another size, or
   * bytes that are made into the numbers that the base knows. By default placeholders like the base's own.
   */
  readonly feed?: (front: Graph, inputs: Readonly<Record<string, Node>>) => Record<string, Node>;
}

/** Part of a trained network, to be put under a new head. It computes as in serving: normalisation by kept statistics. */
export interface Base {
  readonly graph: Graph;
  /** The placeholders that a session feeds. */
  readonly inputs: Readonly<Record<string, Node>>;
  /** The result of the layer that was cut at. */
  readonly features: Node;
  readonly layer: string;
  /** The named places of what was kept, in the order in which they are made; the last one is `layer`. */
  readonly layers: ReadonlyMap<string, Node>;
  readonly extra: unknown;
  /**
   * The trainable weights from a layer on: its own and those of whatever does not come before it. All without a layer.
   *
   * @throws EngineError 'unknown_name' with the names that are near.
   */
  weightsFrom(layer?: string): Node[];
}

/**
 * Opens a saved artifact as a base: only what `layer` is made of, with its trained weights as first values. What is to
 * move is chosen when it is trained (`Trainer`'s `variables`): a head's variables alone leave the base as it is, bit for
 * bit; `weightsFrom` adds the base's own.
 *
 * @throws EngineError 'unknown_name' where the artifact names no layers, or not this one; 'corrupt_file' for damage.
 */
export async function openBase(folder: string, options: BaseOptions = {}): Promise<Base> {
  const file = join(folder, 'model.json');
  const model = await readModel(file);
  // Whatever is wrong with the graph is found by its own reader first.
  const whole = Graph.load(model.graph);
  const places = placesOf(model, file);
  const layer = options.layer ?? featuresOf(model, file);
  const cut = valueNamed(places, layer);
  const kept = ancestorsOf(model.graph, cut);
  const inputs = inputsOf(model, file);
  const { front, names, replaced } = frontOf(inputs, whole.graph, model.graph, options);
  const left = [...places].filter(([, [node]]) => kept.has(node));
  const values = [...left.filter(([name]) => name !== layer), [layer, cut] as const];
  const opened = cutGraph(
    model.graph,
    kept,
    { nodes: front, replaced },
    values.map(([, value]) => value),
    options.seed ?? 0,
  );
  const { graph } = opened;
  const weights = await readWeights(join(folder, 'weights.safetensors'), graph.variables);
  for (const [name, value] of Object.entries(weights)) graph.initialValues.set(name, value);
  const layers = new Map(values.map(([name], at) => [name, opened.wanted[at] as Node]));
  const own = graph.variables.filter(({ trainable }) => trainable);
  return {
    graph,
    inputs: Object.fromEntries(names.map((name) => [name, graph.byName(name)])),
    features: layers.get(layer) as Node,
    layer,
    layers,
    extra: model.extra,
    weightsFrom: (from) => {
      if (from === undefined) return own.map(({ node }) => node);
      const kept = before(model.graph, new Map(values), from);
      return own.filter(({ name }) => !kept.has(name)).map(({ node }) => node);
    },
  };
}

/** Names of what the places before `layer` are made of. */
function before(graph: GraphJson, places: ReadonlyMap<string, ValueRef>, layer: string) {
  const [at, output] = valueNamed(places, layer);
  const own = ancestorsOf(graph, [at, output]);
  const nodes = [...places.values()]
    .filter(([node]) => node !== at && own.has(node))
    .flatMap((value) => [...ancestorsOf(graph, value)]);
  return new Set(nodes.map((id) => (graph.nodes[id] as { name?: string }).name ?? ''));
}

/** What feeds the base: the nodes of a graph of their own, and the names of its placeholders. */
function frontOf(
  inputs: ReadonlyMap<string, ValueRef>,
  whole: Graph,
  json: GraphJson,
  { feed }: BaseOptions,
) {
  const nodeNameOf = ([id]: ValueRef) => (json.nodes[id] as { name?: string }).name ?? '';
  const known = Object.fromEntries(
    [...inputs].map(([name, value]) => [name, whole.byName(nodeNameOf(value))]),
  );
  const graph = new Graph();
  const likeBefore = () =>
    Object.fromEntries(
      Object.entries(known).map(([input, { name, shape, dtype }]) => [
        input,
        graph.placeholder(name, shape, dtype),
      ]),
    );
  const given = (feed?.(graph, known) ?? likeBefore()) as Record<string, Node | undefined>;
  const front: Node[] = [];
  const replaced = new Map<number, number>();
  for (const [input, [id]] of inputs) {
    const node = given[input];
    const dtype = known[input]?.dtype;
    if (!node) throw new EngineError('invalid_feed', input, 'this input is not fed');
    if (node.dtype !== dtype)
      throw new EngineError('dtype_mismatch', input, `is ${node.dtype}; the base takes ${dtype}`);
    replaced.set(id, front.push(node) - 1);
  }
  const sources = graph.toJSON(front).nodes as readonly { op: string; name: string }[];
  const names = sources.filter(({ op }) => op === 'placeholder').map(({ name }) => name);
  return { front, names, replaced };
}

function placesOf({ signatures, graph }: ModelJson, file: string): Map<string, ValueRef> {
  const named = signatures?.layers?.outputs;
  if (!named)
    throw new EngineError(
      'unknown_name',
      'layers',
      `${file} names no layers: it has no signature of that name, and nothing says where to cut`,
    );
  return valuesOf(named, graph, file);
}

function inputsOf({ signatures, graph }: ModelJson, file: string): Map<string, ValueRef> {
  return valuesOf(signatures.layers?.inputs ?? {}, graph, file);
}

function valuesOf(named: Record<string, number>, graph: GraphJson, file: string) {
  return new Map(
    Object.entries(named).map(([name, index]) => {
      const value = graph.outputs[index];
      if (!value)
        throw new EngineError(
          'corrupt_file',
          file,
          `the signature names '${name}', which is not in the graph`,
        );
      return [name, value] as const;
    }),
  );
}

function featuresOf({ extra }: ModelJson, file: string): string {
  const features = (extra as { features?: unknown } | null)?.features;
  if (typeof features === 'string') return features;
  throw new EngineError('unknown_name', file, 'does not say where its features are: name a layer');
}

function valueNamed(places: ReadonlyMap<string, ValueRef>, name: string): ValueRef {
  const value = places.get(name);
  if (value) return value;
  const near = nearNames(name, [...places.keys()]);
  throw new EngineError(
    'unknown_name',
    name.slice(0, 200),
    `there is no layer of that name; near are ${near.join(', ')}`,
  );
}
