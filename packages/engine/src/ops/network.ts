import type { Node } from '../node.ts';
import { PoolingOps } from './pooling.ts';

/** Products, normalisations and softmax: what networks are made of beside convolutions. */
export class NetworkOps extends PoolingOps {
  matmul(a: Node, b: Node, options: { transposeA?: boolean; transposeB?: boolean } = {}): Node {
    return this.emit('matmul', [a, b], {
      transposeA: options.transposeA ?? false,
      transposeB: options.transposeB ?? false,
    });
  }
  /** x [..., I] by weight [I, O], plus a bias [O]. */
  dense(x: Node, weight: Node, bias?: Node): Node {
    return this.emit('dense', bias ? [x, weight, bias] : [x, weight]);
  }
  /** Normalises with given statistics, as in inference; nn.batchNorm does it in training. */
  batchNorm(
    x: Node,
    scale: Node,
    shift: Node,
    mean: Node,
    variance: Node,
    options: { epsilon?: number } = {},
  ): Node {
    const factor = this.mul(scale, this.rsqrt(this.add(variance, options.epsilon ?? 1e-3)));
    return this.add(this.mul(this.sub(x, mean), factor), shift);
  }
  /** Over the last axis: x [..., C], scale [C], shift [C] (Ba, Kiros and Hinton, 2016). */
  layerNorm(x: Node, scale: Node, shift: Node, options: { epsilon?: number } = {}): Node {
    return this.emit('layer_norm', [x, scale, shift], { epsilon: options.epsilon ?? 1e-3 });
  }
  /** Over the places and the channels of each group: x [N, ..., C] (Wu and He, 2018). */
  groupNorm(
    x: Node,
    scale: Node,
    shift: Node,
    options: { groups: number; epsilon?: number },
  ): Node {
    const { groups, epsilon = 1e-3 } = options;
    return this.emit('group_norm', [x, scale, shift], { groups, epsilon });
  }
  softmax(x: Node, axis = -1): Node {
    return this.emit('softmax', [x], { axis });
  }
  logSoftmax(x: Node, axis = -1): Node {
    return this.emit('log_softmax', [x], { axis });
  }
}
