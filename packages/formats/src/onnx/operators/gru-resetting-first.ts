import type { Node, RecurrentOptions } from '@vanda/engine';
import { EngineError } from '@vanda/engine';

// Each step is some twenty nodes, of which a graph holds a bounded number.
const stepsMax = 2048;

/** As `graph.gru` takes them: blocks of columns are update, reset, candidate. */
interface GruWeights {
  readonly x: Node;
  readonly w: Node;
  readonly u: Node;
  readonly bias: Node;
}

/**
 * A GRU whose reset gate acts on the state before the recurrent product (Cho et al., 2014; ONNX's linear_before_reset of
 * 0), composed step by step: x [N, T, I] -> y [N, T, H] and the last state [N, H]. The engine's own has it behind.
 */
export function gruResettingFirst(
  { x, w, u, bias }: GruWeights,
  options: Pick<RecurrentOptions, 'reverse' | 'mask'> & { initial?: Node },
): { y: Node; h: Node } {
  const g = x.graph;
  const steps = x.shape[1];
  const units = u.shape[0] as number;
  if (typeof steps !== 'number' || steps < 1 || steps > stepsMax) {
    const text = `takes 1 to ${stepsMax} steps, not ${steps ?? 'an open number'}`;
    throw new EngineError('shape_mismatch', 'gru', text);
  }
  const columns = (matrix: Node, from: number, to: number) =>
    g.stridedSlice(matrix, [null, [from * units, to * units]]);
  // What does not hang on the state is one product for all steps.
  const inputs = g.dense(x, w, g.sum(bias, 0));
  const [gateWeights, candidateWeights] = [columns(u, 0, 2), columns(u, 2, 3)];
  const order = Array.from({ length: steps }, (_, t) => (options.reverse ? steps - 1 - t : t));
  const outputs = new Array<Node>(steps);
  let h = options.initial;
  for (const t of order) {
    const now = g.squeeze(g.stridedSlice(inputs, [null, [t, t + 1]]), 1);
    const forGates = columns(now, 0, 2);
    const gates = g.sigmoid(h ? g.add(forGates, g.matmul(h, gateWeights)) : forGates);
    const [update, reset] = [columns(gates, 0, 1), columns(gates, 1, 2)];
    const fresh = columns(now, 2, 3);
    const kept = h && g.matmul(g.mul(reset, h), candidateWeights);
    const candidate = g.tanh(kept ? g.add(fresh, kept) : fresh);
    const rest = g.mul(g.sub(1, update), candidate);
    const next = h ? g.add(rest, g.mul(update, h)) : rest;
    const counts = options.mask && g.stridedSlice(options.mask, [null, [t, t + 1]]);
    h = counts ? g.where(counts, next, h ?? 0) : next;
    outputs[t] = h;
  }
  return { y: g.stack(outputs, 1), h: h as Node };
}
