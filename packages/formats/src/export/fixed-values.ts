import type { Graph, Node, Tensor } from '@vanda/engine';
import { Session } from '@vanda/engine';

/** A node of the graph as its JSON says it. */
export interface JsonNode {
  readonly op: string;
  readonly name?: string;
  readonly inputs?: readonly (readonly [node: number, output: number])[];
  readonly attributes?: Readonly<Record<string, number | string | boolean | readonly number[]>>;
}

const changing = new Set(['placeholder', 'step']);

/** Which nodes depend on no input, step or random number: their values are known now. */
export function fixedNodes(nodes: readonly JsonNode[]): boolean[] {
  const fixed: boolean[] = [];
  for (const { op, inputs = [] } of nodes) {
    const free = !changing.has(op) && op !== 'dropout' && !op.startsWith('random_');
    fixed.push(free && inputs.every(([id]) => fixed[id]));
  }
  return fixed;
}

export function valueKey(id: number, output: number): string {
  return `${id}:${output}`;
}

/**
 * The fixed values that others or the outside read, computed by the engine: weights, and whatever is made of weights
 * alone, such as the factor of a normalisation.
 */
export async function fixedValues(
  graph: Graph,
  nodes: readonly JsonNode[],
  fixed: readonly boolean[],
  outputs: readonly Node[],
  values: Readonly<Record<string, Tensor>> | undefined,
): Promise<Map<string, Tensor>> {
  const wanted = new Map<string, Node>();
  const want = (id: number, output: number) => {
    if (fixed[id]) wanted.set(valueKey(id, output), graph.nodeAt(id, output));
  };
  for (const [id, { inputs = [] }] of nodes.entries()) {
    if (fixed[id]) continue;
    for (const [from, output] of inputs) want(from, output);
  }
  for (const { id, output } of outputs) want(id, output);
  const session = new Session(graph, { threads: 1 });
  try {
    if (values) {
      const names = graph.variables.map(({ name }) => name).filter((name) => values[name]);
      session.assign(Object.fromEntries(names.map((name) => [name, values[name] as Tensor])));
    }
    return new Map(Object.entries(await session.run({}, Object.fromEntries(wanted))));
  } finally {
    session.close();
  }
}
