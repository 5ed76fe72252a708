import { EngineError } from '../engine-error.ts';
import type { Node } from '../node.ts';
import { tensor } from '../tensor.ts';
import { EmbeddingOps } from './embedding.ts';

export interface MaskOptions {
  /** bool [N, T]: false steps carry the state through and repeat the output before them. */
  mask?: Node;
  /** Integers [N]: only the first so many steps count. Instead of a mask. */
  lengths?: Node;
}

export interface RecurrentOptions extends MaskOptions {
  /** From the last step to the first; outputs stay at their places in time. */
  reverse?: boolean;
}

export interface LstmState {
  /** [N, H] */
  h: Node;
  /** [N, H] */
  c: Node;
}

export interface AttentionOptions extends Pick<MaskOptions, 'lengths'> {
  /** How many heads lie beside each other in [N, T, heads * depth]; without it, tensors are [N, heads, T, depth]. */
  heads?: number;
  /** Query i looks at keys 0..i only. */
  causal?: boolean;
  /** bool [N, S] or [N, T, S]: true where a query may look. One that may look at nothing gets zeros. */
  mask?: Node;
  /** Of the scores; 1 / sqrt(depth) by default. */
  scale?: number;
}

/** Recurrent networks and attention. */
export class SequenceOps extends EmbeddingOps {
  /**
   * A whole sequence through an LSTM: x [N, T, I], weights w [I, 4H] and u [H, 4H], bias [4H] -> y [N, T, H] and the
   * last state. Blocks of columns: input, forget, candidate, output, the order of Keras and of PyTorch (whose weights
   * are the transposes, and whose two biases add up to this one).
   */
  lstm(
    x: Node,
    w: Node,
    u: Node,
    bias: Node,
    options: RecurrentOptions & { initial?: LstmState } = {},
  ): LstmState & { y: Node } {
    const state = options.initial ? [options.initial.h, options.initial.c] : [];
    const [y, h, c] = this.#recurrent('lstm', [x, w, u, bias], state, options);
    return { y: y as Node, h: h as Node, c: c as Node };
  }

  /**
   * A whole sequence through a GRU: x [N, T, I], w [I, 3H], u [H, 3H], bias [2, 3H] (for x, then for h) -> y [N, T, H]
   * and the last state. The reset gate acts behind the recurrent product (Keras' reset_after, PyTorch's only form).
   * Blocks of columns: update, reset, candidate, as in Keras; PyTorch has reset, update, candidate: swap its first two
   * blocks, and transpose.
   */
  gru(
    x: Node,
    w: Node,
    u: Node,
    bias: Node,
    options: RecurrentOptions & { initial?: Node } = {},
  ): { y: Node; h: Node } {
    const state = options.initial ? [options.initial] : [];
    const [y, h] = this.#recurrent('gru', [x, w, u, bias], state, options);
    return { y: y as Node, h: h as Node };
  }

  /**
   * softmax(q k^T * scale + masks) v, head by head, without ever holding all scores. With heads: q [N, T, heads * D],
   * k [N, S, heads * D], v [N, S, heads * E] -> [N, T, heads * E].
   */
  attention(q: Node, k: Node, v: Node, options: AttentionOptions = {}): Node {
    return this.#attention([q, k, v], k, options);
  }

  /** Attention of a sequence to itself; query, key and value lie beside each other: [N, T, 3 * heads * D]. */
  selfAttention(qkv: Node, options: AttentionOptions & { heads: number }): Node {
    return this.#attention([qkv], qkv, options);
  }

  /** bool [N, steps]: true for the first lengths[n] steps of row n. */
  sequenceMask(lengths: Node, steps: number): Node {
    const places = tensor(Float32Array.from({ length: steps }, (_, t) => t));
    const column = this.reshape(this.cast(lengths, 'f32'), [-1, 1]);
    return this.less(this.constant(places), column);
  }

  #recurrent(op: string, inputs: Node[], state: Node[], options: RecurrentOptions): Node[] {
    const mask = this.#mask(op, inputs[0] as Node, options);
    return this.emitAll(op, [...inputs, ...state, ...(mask ? [mask] : [])], {
      reverse: options.reverse ?? false,
      state: state.length > 0,
      mask: mask !== undefined,
    });
  }

  #attention(inputs: Node[], keys: Node, options: AttentionOptions): Node {
    const mask = this.#mask('attention', keys, options);
    return this.emit('attention', mask ? [...inputs, mask] : inputs, {
      heads: options.heads ?? 0,
      causal: options.causal ?? false,
      scale: options.scale ?? 0,
      mask: mask !== undefined,
      packed: inputs.length === 1,
    });
  }

  #mask(op: string, sequence: Node, options: MaskOptions): Node | undefined {
    if (!options.lengths) return options.mask;
    const steps = sequence.shape.at(-2);
    if (options.mask || typeof steps !== 'number') {
      throw new EngineError(
        'invalid_attribute',
        op,
        'takes lengths for a sequence of known length, and no mask beside them',
      );
    }
    return this.sequenceMask(options.lengths, steps);
  }
}
