import type { Node } from '../node.ts';
import { ShapeOps } from './shape.ts';
import type { Padding, Padding1d, Pair } from './window.ts';
import { asPicturePadding, knownDims, paddingAttributes, pair } from './window.ts';

export interface ConvOptions {
  stride?: Pair;
  padding?: Padding;
  groups?: number;
  dilation?: Pair;
}
export interface Conv1dOptions {
  stride?: number;
  padding?: Padding1d;
  groups?: number;
  dilation?: number;
}
export interface ConvTransposeOptions extends ConvOptions {
  /** Rows and columns added at the end; by default what makes the output as large as Keras has it. */
  outputPadding?: Pair;
}

/** Convolutions, as cross-correlations: the kernel is not mirrored. */
export class ConvolutionOps extends ShapeOps {
  /** x [N, H, W, C], kernel [KH, KW, C / groups, O], bias [O] -> [N, OH, OW, O]. */
  conv2d(x: Node, kernel: Node, bias?: Node, options: ConvOptions = {}): Node {
    return this.emit('conv2d', bias ? [x, kernel, bias] : [x, kernel], convAttributes(options));
  }

  /** x [N, L, C], kernel [K, C / groups, O], bias [O] -> [N, OL, O]. */
  conv1d(x: Node, kernel: Node, bias?: Node, options: Conv1dOptions = {}): Node {
    const [length, channels] = knownDims(x, 'conv1d', '[N, L, C]') as [number, number];
    const [perGroup, filters] = knownDims(kernel, 'conv1d', '[K, C, O]') as [number, number];
    const dilation = options.dilation ?? 1;
    const reach = (Number(kernel.shape[0]) - 1) * dilation + 1;
    const y = this.conv2d(
      this.reshape(x, [0, length, 1, channels]),
      this.reshape(kernel, [0, 1, perGroup, filters]),
      bias,
      {
        stride: [options.stride ?? 1, 1],
        dilation: [dilation, 1],
        groups: options.groups,
        padding: asPicturePadding(options.padding ?? 'valid', reach),
      },
    );
    return this.reshape(y, [0, -1, filters]);
  }

  /** Each channel by itself: x [N, H, W, C], kernel [KH, KW, C, M], bias [C M] -> [N, OH, OW, C M]. */
  depthwiseConv2d(
    x: Node,
    kernel: Node,
    bias?: Node,
    options: Omit<ConvOptions, 'groups'> = {},
  ): Node {
    const [width, channels, multiplier] = knownDims(
      kernel,
      'depthwiseConv2d',
      '[KH, KW, C, M]',
    ) as [number, number, number];
    const flat = this.reshape(kernel, [0, width, 1, channels * multiplier]);
    return this.conv2d(x, flat, bias, { ...options, groups: channels });
  }

  /** Each channel by itself, then a product over channels: depthwise [KH, KW, C, M], pointwise [1, 1, C M, O]. */
  separableConv2d(
    x: Node,
    depthwise: Node,
    pointwise: Node,
    bias?: Node,
    options: Omit<ConvOptions, 'groups'> = {},
  ): Node {
    return this.conv2d(this.depthwiseConv2d(x, depthwise, undefined, options), pointwise, bias);
  }

  /**
   * The gradient of a convolution towards its pictures, as an operation: x [N, H, W, C],
   * kernel [KH, KW, O / groups, C], bias [O] -> [N, OH, OW, O]. With padding 'same' OH is H times the stride; with
   * 'valid' it is that and what the kernel reaches beyond a stride; with explicit padding
   * (H - 1) stride + reach - top - bottom. An `outputPadding` counts from (H - 1) stride + reach - padding in all of them.
   */
  conv2dTranspose(x: Node, kernel: Node, bias?: Node, options: ConvTransposeOptions = {}): Node {
    const [height, width] = knownDims(x, 'conv2dTranspose', '[N, H, W, C]') as [number, number];
    knownDims(kernel, 'conv2dTranspose', '[KH, KW, O, C]');
    const stride = pair(options.stride ?? 1);
    const dilation = pair(options.dilation ?? 1);
    const added = options.outputPadding === undefined ? undefined : pair(options.outputPadding);
    const padding = options.padding ?? 'valid';
    const axes = [height, width].map((size, axis) =>
      transposedAxis({
        size,
        stride: stride[axis] ?? 1,
        reach: (Number(kernel.shape[axis]) - 1) * (dilation[axis] ?? 1) + 1,
        padding: typeof padding === 'string' ? padding : [padding[2 * axis], padding[2 * axis + 1]],
        added: added?.[axis],
      }),
    );
    const y = this.emit('conv2d_grad_input', [x, kernel], {
      ...convAttributes(options),
      padding: 'explicit',
      pads: axes.flatMap(({ before, after }) => [before, after]),
      size: axes.map((axis) => axis.size),
    });
    return bias ? this.add(y, bias) : y;
  }

  /** x [N, L, C], kernel [K, O / groups, C], bias [O] -> [N, OL, O]; lengths as in conv2dTranspose. */
  conv1dTranspose(
    x: Node,
    kernel: Node,
    bias?: Node,
    options: Omit<Conv1dOptions, 'padding'> & {
      padding?: Exclude<Padding1d, 'causal'>;
      outputPadding?: number;
    } = {},
  ): Node {
    const [length, channels] = knownDims(x, 'conv1dTranspose', '[N, L, C]') as [number, number];
    const [filters] = knownDims(kernel, 'conv1dTranspose', '[K, O, C]') as [number];
    const { outputPadding } = options;
    const y = this.conv2dTranspose(
      this.reshape(x, [0, length, 1, channels]),
      this.reshape(kernel, [0, 1, filters, channels]),
      bias,
      {
        stride: [options.stride ?? 1, 1],
        dilation: [options.dilation ?? 1, 1],
        groups: options.groups,
        padding: asPicturePadding(options.padding ?? 'valid', 1),
        outputPadding: outputPadding === undefined ? undefined : [outputPadding, 0],
      },
    );
    return this.reshape(y, [0, -1, filters * (options.groups ?? 1)]);
  }
}

interface TransposedAxis {
  size: number;
  stride: number;
  reach: number;
  padding: 'same' | 'valid' | readonly [number | undefined, number | undefined];
  added: number | undefined;
}

/** The padding of the convolution whose gradient this is, and the size of what it read. */
function transposedAxis({ size, stride, reach, padding, added }: TransposedAxis) {
  const full = (size - 1) * stride + reach;
  if (typeof padding !== 'string') {
    const [before = 0, after = 0] = padding;
    return { before, after, size: full - before - after + (added ?? 0) };
  }
  if (padding === 'valid') {
    return { before: 0, after: 0, size: full + (added ?? Math.max(0, stride - reach)) };
  }
  const inner = Math.max(0, reach - stride);
  const before = Math.floor(inner / 2);
  const after = inner - before;
  return { before, after, size: full - inner + (added ?? Math.max(0, stride - reach)) };
}

function convAttributes(options: ConvOptions) {
  return {
    ...paddingAttributes(options.padding ?? 'valid'),
    stride: pair(options.stride ?? 1),
    dilation: pair(options.dilation ?? 1),
    groups: options.groups ?? 1,
  };
}
