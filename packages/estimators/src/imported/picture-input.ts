import { VandaError } from '@vanda/contracts';
import { Graph, type GraphJson, type Node, tensor } from '@vanda/engine';
import type { Network } from './network.ts';

export interface PixelRange {
  /** The network takes (pixel - subtract) / divide: one number, or one for each channel. */
  subtract?: readonly number[] | undefined;
  divide?: readonly number[] | undefined;
}

type JsonNode = { inputs?: [number, number][] };

/**
 * The network behind pixels: its one input becomes pictures [N, size, size, channels] of u8, and what it was trained on
 * is computed of them in the graph, so that what is served is what was trained.
 *
 * @throws VandaError 'bad-data' where the network does not take pictures.
 */
export function behindPictures(network: Network, range: PixelRange): Network {
  const [[name, input] = ['', undefined], another] = Object.entries(network.inputs);
  if (input === undefined || another !== undefined) {
    throw notPictures(`it has ${Object.keys(network.inputs).length} inputs`);
  }
  const [, height, width, channels] = input.shape;
  const square = input.shape.length === 4 && height === width && typeof height === 'number';
  if (!square || (channels !== 1 && channels !== 3)) {
    const shape = input.shape.map((dim) => dim ?? 'N').join(', ');
    throw notPictures(`its input "${name}" is [${shape}] and not [N, size, size, 1 or 3]`);
  }
  if (input.dtype === 'u8') {
    if (range.subtract === undefined && range.divide === undefined) return network;
    throw notPictures(
      `its input "${name}" takes pixels as they are (u8): leave subtract and divide out`,
    );
  }
  if (input.dtype !== 'f32') throw notPictures(`its input "${name}" is of ${input.dtype}`);
  return spliced(network, input, preface(input, range, channels));
}

/** A placeholder of pixels, then what the network takes. */
function preface(input: Node, { subtract, divide }: PixelRange, channels: number): GraphJson {
  const graph = new Graph();
  const numbers = (given: readonly number[], what: string): Node => {
    if (given.length === 1 || given.length === channels) {
      return graph.constant(tensor(Float32Array.from(given), given.length === 1 ? [] : undefined));
    }
    throw new VandaError(
      'bad-data',
      `${what}: there are ${given.length} numbers; give one, or one for each of the ${channels} channels.`,
    );
  };
  let pixels = graph.cast(graph.placeholder(input.name, input.shape, 'u8'), 'f32');
  if (subtract !== undefined) pixels = graph.sub(pixels, numbers(subtract, 'subtract'));
  if (divide !== undefined) pixels = graph.div(pixels, numbers(divide, 'divide'));
  return graph.toJSON([pixels]);
}

/** Puts the preface where the placeholder was: its own placeholder there, the rest right behind it. */
function spliced(network: Network, input: Node, before: GraphJson): Network {
  const entries = {
    outputs: Object.entries(network.outputs),
    places: [...network.places],
  };
  const wanted = [...entries.outputs, ...entries.places].map(([, node]) => node);
  const json = network.graph.toJSON([input, ...wanted]);
  const [[at] = [0, 0]] = json.outputs;
  const added = before.nodes.length - 1;
  const [[result] = [0, 0]] = before.outputs;
  const moved = ([id, output]: readonly [number, number]): [number, number] =>
    id === at ? [at + result, 0] : [id > at ? id + added : id, output];
  const shifted = (node: unknown, by: (from: readonly [number, number]) => [number, number]) => {
    const { inputs } = node as JsonNode;
    return inputs === undefined ? node : { ...(node as object), inputs: inputs.map(by) };
  };
  const nodes = [
    ...json.nodes.slice(0, at).map((node) => shifted(node, moved)),
    ...before.nodes.map((node) => shifted(node, ([id, output]) => [id + at, output])),
    ...json.nodes.slice(at + 1).map((node) => shifted(node, moved)),
  ];
  const { graph, outputs: loaded } = Graph.load({
    ...json,
    nodes,
    outputs: [[at, 0], ...json.outputs.slice(1).map(moved)],
  });
  for (const [name, value] of network.graph.initialValues) {
    if (graph.has(name)) graph.initialValues.set(name, value);
  }
  const [image, ...rest] = loaded as [Node, ...Node[]];
  const named = (list: [string, Node][], from: number): [string, Node][] =>
    list.map(([name], index) => [name, rest[from + index] as Node]);
  return {
    graph,
    inputs: { image },
    outputs: Object.fromEntries(named(entries.outputs, 0)),
    places: new Map(named(entries.places, entries.outputs.length)),
  };
}

function notPictures(why: string): VandaError {
  return new VandaError('bad-data', `The model does not take pictures: ${why}.`);
}
