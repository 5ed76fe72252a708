import type { Graph, Node, Tensor } from '@vanda/engine';

/**
 * A network of another tool as an ordinary graph of the engine: it can be served as it is, frozen and trained further,
 * or cut at a named place and joined under a new head. Pictures lie as [N, H, W, C], whatever the source's order is.
 */
export interface ImportedNetwork {
  readonly graph: Graph;
  /** Placeholders, by the source's names; the first dim is open where the source leaves it open. */
  readonly inputs: Readonly<Record<string, Node>>;
  readonly outputs: Readonly<Record<string, Node>>;
  /** Where the network may be cut: the results that the source names, in the order in which they are made. */
  readonly places: ReadonlyMap<string, Node>;
  /** What the source says beside the network, such as labels. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Weights by the names that their source gives them. */
export type NamedTensors = Readonly<Record<string, Tensor>>;
