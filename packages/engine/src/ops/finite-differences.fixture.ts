import type { Node, Tensor } from '../index.ts';
import { Graph, Session, tensor } from '../index.ts';

/** Small numbers that are the same in every run, none of them near a kink at 0. */
export function drawn(shape: readonly number[], seed = 1, low = -1, high = 1): Tensor {
  let state = seed * 2654435761;
  const next = () => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 3266489917) >>> 0;
    const value = low + ((high - low) * state) / 2 ** 32;
    return Math.abs(value) < 0.05 ? 0.05 : value;
  };
  return tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, next), shape);
}

/**
 * The greatest difference between the gradients of a composed operation and central differences, each element of the result
 * weighted by its own number; relative where the gradient is above 1.
 */
export function gradientError(
  build: (g: Graph, ...inputs: Node[]) => Node,
  ...inputs: readonly Tensor[]
): number {
  const graph = new Graph({ seed: 3 });
  const nodes = inputs.map((x, i) => graph.placeholder(`x${i}`, x.shape, x.dtype));
  const y = build(graph, ...nodes);
  const weights = graph.constant(drawn(y.shape as readonly number[], 99, 0.5, 1.5));
  const loss = graph.sum(graph.mul(y, weights));
  const floats = nodes.flatMap((node, i) => (node.dtype === 'f32' ? [i] : []));
  const gradients = graph.gradients(
    loss,
    floats.map((i) => nodes[i] as Node),
  );
  const session = new Session(graph, { threads: 1 });
  const feeds = Object.fromEntries(inputs.map((x, i) => [`x${i}`, x]));
  const exact = session.runSync(
    feeds,
    Object.fromEntries(gradients.map((node, k) => [`d${k}`, node])),
  );
  const at = (i: number, element: number, step: number) => {
    const data = Float32Array.from(inputs[i]?.data as Float32Array);
    data[element] = (data[element] as number) + step;
    const fed = { ...feeds, [`x${i}`]: { ...(inputs[i] as Tensor), data } };
    return Number(session.runSync(fed, { loss }).loss.data[0]);
  };
  const step = 1e-2;
  let worst = 0;
  floats.forEach((i, k) => {
    const data = exact[`d${k}`]?.data as Float32Array;
    data.forEach((gradient, element) => {
      const numeric = (at(i, element, step) - at(i, element, -step)) / (2 * step);
      const error = Math.abs(numeric - gradient) / Math.max(1, Math.abs(numeric));
      worst = Math.max(worst, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
    });
  });
  return worst;
}
