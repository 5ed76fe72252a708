import type { Node, Tensor } from '../index.ts';
import { Graph, Session } from '../index.ts';

/** Runs a graph of some inputs and gives the numbers of its output. */
export function compute(
  build: (g: Graph, ...inputs: Node[]) => Node,
  ...inputs: readonly Tensor[]
): Tensor {
  const graph = new Graph();
  const nodes = inputs.map((x, i) => graph.placeholder(`x${i}`, x.shape, x.dtype));
  const feeds = Object.fromEntries(inputs.map((x, i) => [`x${i}`, x]));
  return new Session(graph, { threads: 1 }).runSync(feeds, { y: build(graph, ...nodes) }).y;
}

export function numbers(value: Tensor): number[] {
  return Array.from(value.data as Float32Array, Number);
}
