import { EngineError } from '../engine-error.ts';
import type { Graph } from '../graph.ts';
import type { Node } from '../node.ts';

export interface Mode {
  readonly training: boolean;
  /** bool [N, T]: which steps of a sequence count; recurrent layers and attention look at it. */
  readonly mask?: Node;
}

/** Made once, applied as often as needed: variables are made at the first apply and shared afterwards. */
export interface Layer {
  apply(x: Node, mode: Mode): Node;
}

/** Keeps what a layer made at its first apply, and refuses another graph. */
export class Built<T> {
  readonly #make: (graph: Graph, name: string, x: Node) => T;
  readonly #kind: string;
  #made: { graph: Graph; value: T } | undefined;

  constructor(kind: string, make: (graph: Graph, name: string, x: Node) => T) {
    this.#kind = kind;
    this.#make = make;
  }

  on(x: Node): T {
    const graph = x.graph;
    if (!this.#made) {
      this.#made = { graph, value: this.#make(graph, graph.layerName(this.#kind), x) };
    }
    if (this.#made.graph !== graph) {
      throw new EngineError(
        'invalid_graph',
        this.#kind,
        'this layer was already applied in another graph',
      );
    }
    return this.#made.value;
  }
}

/** The size of a dim that must be known when a layer is built. */
export function knownDim(x: Node, axis: number, kind: string): number {
  const dim = x.shape.at(axis);
  if (typeof dim !== 'number') {
    throw new EngineError(
      'shape_mismatch',
      kind,
      `does not take an input of shape [${x.shape.map((d) => d ?? 'batch').join(', ')}]`,
    );
  }
  return dim;
}
