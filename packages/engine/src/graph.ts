import type { Node } from './node.ts';
import { CustomOps } from './ops/custom.ts';

/**
 * A deferred dataflow graph: methods append operations and give their results. Each family of operations is a file of
 * ops/, each built on the one before; this class is what they add up to.
 */
export class Graph extends CustomOps {
  static fromJSON(json: unknown): Graph {
    return Graph.load(json).graph;
  }

  /** Like fromJSON, with the outputs that the JSON names. */
  static load(json: unknown, options: { seed?: number } = {}): { graph: Graph; outputs: Node[] } {
    const graph = new Graph(options);
    return { graph, outputs: graph.load(json) };
  }
}
