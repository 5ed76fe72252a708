import type { Node } from '../node.ts';
import { ConvolutionOps } from './convolution.ts';
import type { Padding, Padding1d, Pair } from './window.ts';
import { asPicturePadding, knownDims, paddingAttributes, pair } from './window.ts';

export interface PoolOptions {
  size: Pair;
  /** Defaults to the size. */
  stride?: Pair;
  padding?: Padding;
}
export interface Pool1dOptions {
  size: number;
  /** Defaults to the size. */
  stride?: number;
  padding?: Exclude<Padding1d, 'causal'>;
}
export interface ResizeOptions {
  method?: 'nearest' | 'bilinear';
  alignCorners?: boolean;
}

/** Pooling and resizing. */
export class PoolingOps extends ConvolutionOps {
  /** [N, H, W, C] -> [N, OH, OW, C]; a NaN in a window wins. */
  maxPool2d(x: Node, options: PoolOptions): Node {
    return this.emit('max_pool2d', [x], poolAttributes(options));
  }
  /** The mean of what lies inside the picture: padding is not counted. */
  avgPool2d(x: Node, options: PoolOptions): Node {
    return this.emit('avg_pool2d', [x], poolAttributes(options));
  }
  /** [N, L, C] -> [N, OL, C]. */
  maxPool1d(x: Node, options: Pool1dOptions): Node {
    return this.#pool1d('maxPool1d', x, (picture) =>
      this.maxPool2d(picture, asPictureOptions(options)),
    );
  }
  avgPool1d(x: Node, options: Pool1dOptions): Node {
    return this.#pool1d('avgPool1d', x, (picture) =>
      this.avgPool2d(picture, asPictureOptions(options)),
    );
  }
  /** [N, H, W, C] -> [N, C]. */
  globalAvgPool2d(x: Node): Node {
    return this.mean(x, [1, 2]);
  }
  globalMaxPool2d(x: Node): Node {
    return this.max(x, [1, 2]);
  }
  /** [N, L, C] -> [N, C]. */
  globalAvgPool1d(x: Node): Node {
    return this.mean(x, 1);
  }
  globalMaxPool1d(x: Node): Node {
    return this.max(x, 1);
  }
  /**
   * [N, H, W, C] -> [N, size, C], bilinear unless told. Half-pixel centres, as TensorFlow 2 (and PyTorch without
   * align_corners, whose `nearest-exact` is `nearest` here); with alignCorners as PyTorch with align_corners.
   */
  resize2d(x: Node, size: readonly [number, number], options: ResizeOptions = {}): Node {
    const { method = 'bilinear', alignCorners = false } = options;
    return this.emit('resize2d', [x], { size, method, alignCorners });
  }

  #pool1d(op: string, x: Node, pool: (picture: Node) => Node): Node {
    const [length, channels] = knownDims(x, op, '[N, L, C]') as [number, number];
    return this.reshape(pool(this.reshape(x, [0, length, 1, channels])), [0, -1, channels]);
  }
}

function asPictureOptions({ size, stride, padding }: Pool1dOptions): PoolOptions {
  return {
    size: [size, 1],
    stride: [stride ?? size, 1],
    padding: asPicturePadding(padding ?? 'valid', 1),
  };
}

function poolAttributes(options: PoolOptions) {
  return {
    ...paddingAttributes(options.padding ?? 'valid'),
    size: pair(options.size),
    stride: pair(options.stride ?? options.size),
  };
}
