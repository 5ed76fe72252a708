import { EngineError } from '../engine-error.ts';
import type { Graph } from '../graph.ts';
import type { Node } from '../node.ts';

export interface Mode {
  readonly training: boolean;
  /** bool [N, T]: which steps of a sequence count; recurrent layers and attention look at it. */
  readonly mask?: Node;
}

/** Made once, applied as often as needed: variables are made at the first apply and shared afterwards. */
export interface Layer extends Described {
  apply(x: Node, mode: Mode): Node;
}

/** A layer of several values, such as a sum of branches. */
export interface MergeLayer extends Described {
  join(xs: readonly Node[], mode: Mode): Node;
}

/** What models say of a layer; one without a kind is called a layer. */
export interface Described extends Named {
  readonly kind?: string;
  /** In words, what fits; errors say it. */
  readonly takes?: string;
  /** false: models leave its variables as they are, and a batchNorm its statistics, from their next fit on. */
  trainable?: boolean;
}

export interface Named {
  /** In models; by default its kind and, where there are several, a number. */
  readonly name?: string;
}

/** Keeps what a layer made at its first apply, and refuses another graph; a draft graph is forgotten. */
export class Built<T> {
  readonly #make: (graph: Graph, name: string, x: Node) => T;
  readonly #kind: string;
  readonly #drafts = new WeakMap<Graph, T>();
  #made: { graph: Graph; value: T } | undefined;

  constructor(kind: string, make: (graph: Graph, name: string, x: Node) => T) {
    this.#kind = kind;
    this.#make = make;
  }

  on(x: Node): T {
    const graph = x.graph;
    if (graph.draft) return this.#draft(graph, x);
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

  #draft(graph: Graph, x: Node): T {
    const drafted = this.#drafts.get(graph);
    if (drafted !== undefined) return drafted;
    const value = this.#make(graph, graph.layerName(this.#kind), x);
    this.#drafts.set(graph, value);
    return value;
  }
}

export const PICTURES = 'pictures [batch, height, width, channels] of f32';
export const VOLUMES = 'volumes [batch, depth, height, width, channels] of f32';
export const SEQUENCES = 'sequences [batch, steps, features] of f32';
export const FEATURES = '[batch, ..., features] of f32';
export const INDICES = 'whole numbers (i32, i64 or u8) [batch, ...]';

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
