import { EngineError } from '../engine-error.ts';
import type { Node } from '../node.ts';
import { RearrangeOps } from './rearrange.ts';
import type { RecurrentOptions } from './sequence.ts';

// Each step is a handful of nodes, of which a graph holds a bounded number.
const stepsMax = 4096;

/** Recurrent networks that are composed step by step. */
export class RecurrenceOps extends RearrangeOps {
  /**
   * h = tanh(x w + h u + bias) for each step: x [N, T, I], w [I, H], u [H, H], bias [H] -> y [N, T, H] and the last state
   * [N, H] (Elman, 1990). As Keras' SimpleRNN, and PyTorch's RNN with transposed weights and both biases added.
   */
  simpleRnn(
    x: Node,
    w: Node,
    u: Node,
    bias: Node,
    options: RecurrentOptions & { initial?: Node } = {},
  ): { y: Node; h: Node } {
    const steps = x.shape[1];
    if (x.shape.length !== 3 || typeof steps !== 'number' || steps < 1 || steps > stepsMax) {
      const text = `takes [N, T, I] with 1 to ${stepsMax} steps, not [${x.shape.join(', ')}]`;
      throw new EngineError('shape_mismatch', 'simpleRnn', text);
    }
    const mask = options.lengths ? this.sequenceMask(options.lengths, steps) : options.mask;
    // What does not hang on the state is one product for all steps.
    const inputs = this.dense(x, w, bias);
    const order = Array.from({ length: steps }, (_, t) => (options.reverse ? steps - 1 - t : t));
    const outputs = new Array<Node>(steps);
    let h = options.initial;
    for (const t of order) {
      const now = this.squeeze(this.stridedSlice(inputs, [null, [t, t + 1]]), 1);
      const next = this.tanh(h ? this.add(now, this.matmul(h, u)) : now);
      const counts = mask && this.stridedSlice(mask, [null, [t, t + 1]]);
      h = counts ? this.where(counts, next, h ?? 0) : next;
      outputs[t] = h;
    }
    return { y: this.stack(outputs, 1), h: h as Node };
  }
}
