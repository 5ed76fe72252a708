import { EngineError } from '../engine-error.ts';
import type { Node } from '../node.ts';
import { ShapeOps } from './shape.ts';

export type Padding =
  | 'same'
  | 'valid'
  | readonly [top: number, bottom: number, left: number, right: number];
export type Pair = number | readonly [number, number];
export interface ConvOptions {
  stride?: Pair;
  padding?: Padding;
  groups?: number;
  dilation?: Pair;
}
export interface PoolOptions {
  size: Pair;
  /** Defaults to the size. */
  stride?: Pair;
  padding?: Padding;
}

/** Products, convolutions, pooling, normalisation: what networks are made of. */
export class NetworkOps extends ShapeOps {
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
  /** x [N, H, W, C], kernel [KH, KW, C / groups, O], bias [O] -> [N, OH, OW, O]. */
  conv2d(x: Node, kernel: Node, bias?: Node, options: ConvOptions = {}): Node {
    return this.emit('conv2d', bias ? [x, kernel, bias] : [x, kernel], {
      ...windowAttributes(options.padding ?? 'valid'),
      stride: pair(options.stride ?? 1),
      dilation: pair(options.dilation ?? 1),
      groups: options.groups ?? 1,
    });
  }
  maxPool2d(x: Node, options: PoolOptions): Node {
    return this.emit('max_pool2d', [x], poolAttributes(options));
  }
  /** The mean of what lies inside the picture: padding is not counted. */
  avgPool2d(x: Node, options: PoolOptions): Node {
    return this.emit('avg_pool2d', [x], poolAttributes(options));
  }
  /** [N, H, W, C] -> [N, C]. */
  globalAvgPool2d(x: Node): Node {
    return this.mean(x, [1, 2]);
  }
  globalMaxPool2d(x: Node): Node {
    return this.max(x, [1, 2]);
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
  /** Over the last axis. */
  softmax(x: Node): Node {
    return this.emit('softmax', [x]);
  }
  logSoftmax(x: Node): Node {
    return this.emit('log_softmax', [x]);
  }
}

function pair(value: Pair): readonly number[] {
  return typeof value === 'number' ? [value, value] : value;
}

function windowAttributes(padding: Padding): { padding: string; pads: readonly number[] } {
  if (typeof padding === 'string') return { padding, pads: [] };
  if (padding.length !== 4) {
    throw new EngineError(
      'invalid_attribute',
      'padding',
      'explicit padding is [top, bottom, left, right]',
    );
  }
  return { padding: 'explicit', pads: padding };
}

function poolAttributes(options: PoolOptions) {
  return {
    ...windowAttributes(options.padding ?? 'valid'),
    size: pair(options.size),
    stride: pair(options.stride ?? options.size),
  };
}
