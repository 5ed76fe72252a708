import { EngineError } from '../engine-error.ts';
import type { Node } from '../node.ts';
import { RandomOps } from './random.ts';

export interface BagOptions {
  mode?: 'sum' | 'mean';
  /** One weight for each index, of the shape of the indices; with sums only. */
  weights?: Node;
  /** An index that stands for no row at all; -1 by default. */
  padding?: number;
}

/** Rows of tables by their numbers. Their gradients are sparse: an update touches only the rows of the batch. */
export class EmbeddingOps extends RandomOps {
  /** Embedding lookup: table [V, ...], indices [...] -> [..., ...]. */
  gather(table: Node, indices: Node): Node {
    return this.emit('gather', [table, indices]);
  }

  /** The sum or mean of several rows: table [V, D], indices [..., L] -> [..., D]. The mean of an empty bag is 0. */
  embeddingBag(table: Node, indices: Node, options: BagOptions = {}): Node {
    const { mode = 'sum', weights, padding = -1 } = options;
    if (mode === 'mean' && weights)
      throw new EngineError('invalid_attribute', 'embeddingBag', 'weights go with sums, not means');
    const inputs = weights ? [table, indices, weights] : [table, indices];
    const sum = this.emit('bag_sum', inputs, { padding });
    return mode === 'sum' ? sum : this.div(sum, this.emit('bag_sizes', [indices], { padding }));
  }

  /**
   * Bags of different lengths, one after the other: table [V, D], indices [M], offsets [N] of the bags' beginnings (the
   * first is 0) -> [N, D]; `weights` are [M].
   */
  embeddingBagOffsets(
    table: Node,
    indices: Node,
    offsets: Node,
    options: Omit<BagOptions, 'padding'> = {},
  ): Node {
    const { mode = 'sum', weights } = options;
    if (mode === 'mean' && weights)
      throw new EngineError(
        'invalid_attribute',
        'embeddingBagOffsets',
        'weights go with sums, not means',
      );
    const rows = this.gather(table, indices);
    const sum = this.segmentSum(
      weights ? this.mul(rows, this.reshape(weights, [0, 1])) : rows,
      offsets,
    );
    if (mode === 'sum') return sum;
    const ones = this.add(this.mul(this.cast(this.reshape(indices, [0, 1]), 'f32'), 0), 1);
    return this.div(sum, this.maximum(this.segmentSum(ones, offsets), 1));
  }

  /** Sums of consecutive rows: values [M, ...], offsets [N] -> [N, ...]; each segment ends where the next begins. */
  segmentSum(values: Node, offsets: Node): Node {
    return this.emit('segment_sum', [values, offsets]);
  }

  /**
   * The loss of skip-gram with negative sampling (Mikolov et al., 2013), a row: inputs [V, D], outputs [W, D], centre [N],
   * context [N] and negatives [N, K] -> [N]. A negative that is the context itself counts nothing.
   */
  negativeSampling(
    inputs: Node,
    outputs: Node,
    rows: { centre: Node; context: Node; negatives: Node },
  ): Node {
    const { centre, context, negatives } = rows;
    return this.emit('negative_sampling', [inputs, outputs, centre, context, negatives]);
  }

  /**
   * Draws `count` indices for each element of `like` [N], each as often as its weight says (Walker's alias method) ->
   * i32 [N, count]; anew in each step, the same for the same seed.
   */
  sampleIndices(like: Node, weights: readonly number[], count: number): Node {
    const { thresholds, aliases } = aliasTable(weights);
    const shape = [weights.length];
    return this.emit(
      'sample_noise',
      [
        like,
        this.constant({ dtype: 'f32', shape, data: thresholds }),
        this.constant({ dtype: 'i32', shape, data: aliases }),
      ],
      { count, seed: this.seed, salt: this.nextSalt() },
    );
  }
}

/** Vose, 1991: a column is taken as it is with its threshold's probability, else its alias is. */
function aliasTable(weights: readonly number[]) {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (!(total > 0 && Number.isFinite(total) && weights.every((weight) => weight >= 0))) {
    throw new EngineError(
      'invalid_attribute',
      'sampleIndices',
      'the weights must be at least 0 and not all 0',
    );
  }
  const shares = weights.map((weight) => (weight / total) * weights.length);
  const thresholds = new Float32Array(weights.length).fill(1);
  const aliases = Int32Array.from(weights, (_, i) => i);
  const small = shares.flatMap((share, i) => (share < 1 ? [i] : []));
  const large = shares.flatMap((share, i) => (share < 1 ? [] : [i]));
  while (small.length > 0 && large.length > 0) {
    const low = small.pop() as number;
    const high = large.at(-1) as number;
    thresholds[low] = shares[low] as number;
    aliases[low] = high;
    shares[high] = (shares[high] as number) - 1 + (shares[low] as number);
    if ((shares[high] as number) < 1) small.push(large.pop() as number);
  }
  return { thresholds, aliases };
}
