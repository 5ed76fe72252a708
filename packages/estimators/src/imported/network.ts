import type { Graph, Node } from '@vanda/engine';

/** A network of another tool as a graph of the engine, as an importer gives it. */
export interface Network {
  readonly graph: Graph;
  /** Placeholders, by the source's names. */
  readonly inputs: Readonly<Record<string, Node>>;
  readonly outputs: Readonly<Record<string, Node>>;
  /** Where it may be cut, by the source's names. */
  readonly places: ReadonlyMap<string, Node>;
}
