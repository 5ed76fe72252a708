import { EngineError } from './engine-error.ts';
import { Graph } from './graph.ts';
import type { GraphJson } from './graph-core.ts';
import type { Node } from './node.ts';

/** A value: the node that makes it and which of its outputs it is. */
export type ValueRef = readonly [node: number, output: number];

interface NodeJson {
  readonly name?: string;
  readonly inputs?: readonly ValueRef[];
}

/** The nodes that a value is made of, itself among them. */
export function ancestorsOf(graph: GraphJson, value: ValueRef): Set<number> {
  const nodes = graph.nodes as readonly NodeJson[];
  const found = new Set<number>([value[0]]);
  const open = [value[0]];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    for (const [input] of nodes[id]?.inputs ?? []) {
      if (found.has(input)) continue;
      found.add(input);
      open.push(input);
    }
  }
  return found;
}

/**
 * The nodes `kept` of a graph as a graph of its own, in which values of `front` stand in place of some of the nodes.
 * Shapes are found anew from there: pictures of another size give features of another size, where the graph allows it.
 *
 * @param replaced for a node of the graph, the value of `front` that comes in its place; it must have the same dtype.
 * @returns where each of `wanted` is now.
 */
export function cutGraph(
  graph: GraphJson,
  kept: ReadonlySet<number>,
  front: { nodes: readonly Node[]; replaced: ReadonlyMap<number, number> },
  wanted: readonly ValueRef[],
  seed: number,
): { graph: Graph; wanted: Node[] } {
  const [first] = front.nodes;
  if (!first) throw new EngineError('invalid_graph', 'cutGraph', 'there is nothing to feed');
  const before = first.graph.toJSON(front.nodes);
  const nodes = [...before.nodes];
  const places = new Map<number, ValueRef>();
  for (const [id, at] of front.replaced) places.set(id, before.outputs[at] as ValueRef);
  const moved = ([id, output]: ValueRef): ValueRef => {
    const place = places.get(id);
    if (!place) throw new EngineError('corrupt_file', 'graph', 'a value comes before its node');
    return front.replaced.has(id) ? place : [place[0], output];
  };
  for (const [id, node] of (graph.nodes as readonly NodeJson[]).entries()) {
    if (!kept.has(id) || front.replaced.has(id)) continue;
    const inputs = node.inputs?.map(moved);
    places.set(id, [nodes.length, 0]);
    nodes.push({ ...node, ...(inputs && { inputs }) });
  }
  const { format } = graph;
  const json = { format, nodes, outputs: wanted.map(moved), effects: [] };
  const loaded = Graph.load(json, { seed });
  return { graph: loaded.graph, wanted: loaded.outputs };
}
