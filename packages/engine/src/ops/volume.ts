import { EngineError } from '../engine-error.ts';
import type { Node } from '../node.ts';
import { PlaceOps } from './places.ts';
import { knownDims } from './window.ts';

export type Triple = number | readonly [depth: number, height: number, width: number];
/** Explicit padding: before and after, for depth, height and width. */
export type Padding3d =
  | 'same'
  | 'valid'
  | readonly [number, number, number, number, number, number];

export interface Conv3dOptions {
  stride?: Triple;
  padding?: Padding3d;
  dilation?: Triple;
  groups?: number;
}
export interface Pool3dOptions {
  size: Triple;
  /** Defaults to the size. */
  stride?: Triple;
  padding?: Padding3d;
}

/** Volumes [N, D, H, W, C], as pictures of their slices. */
export class VolumeOps extends PlaceOps {
  /**
   * x [N, D, H, W, C], kernel [KD, KH, KW, C / groups, O], bias [O] -> [N, OD, OH, OW, O]. The slices that a kernel covers
   * in depth lie beside each other as channels of one convolution of pictures.
   */
  conv3d(x: Node, kernel: Node, bias?: Node, options: Conv3dOptions = {}): Node {
    const [, height, width, channels] = volumeDims('conv3d', x);
    const dims = kernel.shape.map(Number) as [number, number, number, number, number];
    if (dims.length !== 5) {
      const text = `takes a kernel [KD, KH, KW, C / groups, O], not [${kernel.shape.join(', ')}]`;
      throw new EngineError('shape_mismatch', 'conv3d', text);
    }
    const [deep, rows, columns, inner, filters] = dims;
    const groups = options.groups ?? 1;
    const [stride, dilation] = [triple(options.stride ?? 1), triple(options.dilation ?? 1)];
    const pads = padsOf('conv3d', x, [deep, rows, columns], stride, dilation, options.padding);
    const padded = this.#inDepth(x, pads);
    const out = outputDepth('conv3d', Number(padded.shape[1]), deep, stride[0], dilation[0]);
    const slices = Array.from({ length: deep }, (_, k) => {
      const from = k * dilation[0];
      return this.stridedSlice(padded, [null, [from, from + (out - 1) * stride[0] + 1, stride[0]]]);
    });
    // In groups the slices of one group's channels must lie together: [..., KD, G, C / G] -> [..., G, KD, C / G].
    const stacked = this.stack(slices, 4);
    const apart = this.reshape(stacked, [-1, height, width, deep, groups, channels / groups]);
    const together = groups === 1 ? apart : this.transpose(apart, [0, 1, 2, 4, 3, 5]);
    const pictures = this.reshape(together, [-1, height, width, deep * channels]);
    const moved = this.transpose(kernel, [1, 2, 0, 3, 4]);
    const flat = this.reshape(moved, [rows, columns, deep * inner, filters]);
    const y = this.conv2d(pictures, flat, bias, {
      stride: [stride[1], stride[2]],
      dilation: [dilation[1], dilation[2]],
      padding: [pads[2], pads[3], pads[4], pads[5]],
      groups,
    });
    return this.reshape(y, [-1, out, ...y.shape.slice(1).map(Number)]);
  }

  /** [N, D, H, W, C] -> [N, OD, OH, OW, C]. */
  maxPool3d(x: Node, options: Pool3dOptions): Node {
    return this.#pool3d('maxPool3d', x, options, (picture, pool) => this.maxPool2d(picture, pool));
  }

  /** The mean of what lies inside the volume: padding is not counted. */
  avgPool3d(x: Node, options: Pool3dOptions): Node {
    return this.#pool3d('avgPool3d', x, options, (picture, pool) => this.avgPool2d(picture, pool));
  }

  // A window is a picture's window in each slice, and then a window over the slices.
  #pool3d(
    op: string,
    x: Node,
    options: Pool3dOptions,
    pool: (
      picture: Node,
      options: {
        size: [number, number];
        stride: [number, number];
        padding: [number, number, number, number];
      },
    ) => Node,
  ): Node {
    const [depth, height, width, channels] = volumeDims(op, x);
    const [size, stride] = [triple(options.size), triple(options.stride ?? options.size)];
    const pads = padsOf(op, x, size, stride, [1, 1, 1], options.padding);
    const slices = pool(this.reshape(x, [-1, height, width, channels]), {
      size: [size[1], size[2]],
      stride: [stride[1], stride[2]],
      padding: [pads[2], pads[3], pads[4], pads[5]],
    });
    const [rows, columns] = slices.shape.slice(1).map(Number) as [number, number];
    const deep = pool(this.reshape(slices, [-1, depth, rows * columns, channels]), {
      size: [size[0], 1],
      stride: [stride[0], 1],
      padding: [pads[0], pads[1], 0, 0],
    });
    return this.reshape(deep, [0, Number(deep.shape[1]), rows, columns, channels]);
  }

  #inDepth(x: Node, pads: readonly number[]): Node {
    const border = [pads[0] ?? 0, pads[1] ?? 0] as const;
    const none = [0, 0] as const;
    return border[0] + border[1] === 0 ? x : this.pad(x, [none, border, none, none, none]);
  }
}

function triple(value: Triple): readonly [number, number, number] {
  return typeof value === 'number' ? [value, value, value] : value;
}

function volumeDims(op: string, x: Node): [number, number, number, number] {
  return knownDims(x, op, '[N, D, H, W, C]') as [number, number, number, number];
}

type Pads = readonly [number, number, number, number, number, number];

function padsOf(
  op: string,
  x: Node,
  size: readonly number[],
  stride: readonly number[],
  dilation: readonly number[],
  padding: Padding3d = 'valid',
): Pads {
  if (padding === 'valid') return [0, 0, 0, 0, 0, 0];
  if (padding === 'same') {
    // As TensorFlow: as many places as strides begin, the smaller half in front.
    const pads = size.flatMap((window, axis) => {
      const [length, step] = [Number(x.shape[axis + 1]), stride[axis] ?? 1];
      const reach = (window - 1) * (dilation[axis] ?? 1) + 1;
      const total = Math.max(0, (Math.ceil(length / step) - 1) * step + reach - length);
      return [Math.floor(total / 2), Math.ceil(total / 2)];
    });
    return pads as unknown as Pads;
  }
  const whole = padding.length === 6 && padding.every((n) => Number.isSafeInteger(n) && n >= 0);
  if (whole) return padding;
  const text = "the padding is 'same', 'valid' or [front, back, top, bottom, left, right]";
  throw new EngineError('invalid_attribute', op, text);
}

function outputDepth(op: string, depth: number, size: number, stride: number, dilation: number) {
  const out = Math.floor((depth - (size - 1) * dilation - 1) / stride) + 1;
  if (Number.isSafeInteger(out) && out >= 1 && dilation >= 1) return out;
  const text = `a kernel of depth ${size} in steps of ${stride} does not fit a padded depth of ${depth}`;
  throw new EngineError('shape_mismatch', op, text);
}
