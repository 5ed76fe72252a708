import type { Graph } from './graph.ts';
import type { GraphCore } from './graph-core.ts';
import type { Dim, DType } from './tensor.ts';

/** One value of a graph: an output of an operation. */
export class Node {
  readonly graph: Graph;
  readonly id: number;
  readonly output: number;
  readonly op: string;
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly Dim[];

  constructor(
    graph: GraphCore,
    of: {
      id: number;
      output: number;
      op: string;
      name: string;
      dtype: DType;
      shape: readonly Dim[];
    },
  ) {
    this.graph = graph as Graph;
    this.id = of.id;
    this.output = of.output;
    this.op = of.op;
    this.name = of.name;
    this.dtype = of.dtype;
    this.shape = of.shape;
  }
}
