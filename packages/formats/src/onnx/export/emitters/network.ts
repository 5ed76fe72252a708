import type { Dim } from '@vanda/engine';
import { plainOrder } from '../../dims.ts';
import type { Emission, Emitters } from '../emission.ts';
import { Float } from '../graph-writer.ts';
import type { LaidValue } from '../laid-value.ts';
import { channelsFirst } from '../laid-value.ts';

const pictures = channelsFirst(4);

/** [top, left, bottom, right] as ONNX has it; 'same' becomes numbers, since the picture's size is known. */
export function padsOf(
  emission: Emission,
  dims: readonly Dim[],
  size: readonly number[],
): number[] {
  const padding = emission.text('padding');
  if (padding === 'valid') return [0, 0, 0, 0];
  if (padding === 'explicit') {
    const [top = 0, bottom = 0, left = 0, right = 0] = emission.numbers('pads');
    return [top, left, bottom, right];
  }
  const places = emission.known(dims.slice(1, 3));
  const totals = places.map((place, axis) => {
    const step = emission.numbers('stride')[axis] ?? 1;
    const reach = ((size[axis] ?? 1) - 1) * (emission.numbers('dilation')[axis] ?? 1) + 1;
    return Math.max(0, (Math.ceil(place / step) - 1) * step + reach - place);
  });
  const before = totals.map((total) => Math.floor(total / 2));
  return [...before, ...totals.map((total, axis) => total - (before[axis] ?? 0))];
}

function activated(emission: Emission, name: string): string {
  // What the compiler alone joins to a convolution.
  if (emission.text('activation') === 'clamp') emission.refuse('has a clamp joined to it');
  return emission.text('activation') === 'relu' ? emission.node('Relu', [name]) : name;
}

/** Kernels are [KH, KW, C / groups, O] in the engine and [O, C / groups, KH, KW] in ONNX. */
function convolution(emission: Emission): LaidValue {
  const kernel = emission.known(emission.input(1).dims.slice(0, 2));
  const inputs = [emission.at(0, pictures), emission.at(1, [3, 2, 0, 1])];
  if (emission.inputs[2]) inputs.push(emission.at(2));
  if (emission.inputs[3]) emission.refuse('has a sum joined to it');
  const y = emission.node('Conv', inputs, {
    kernel_shape: kernel,
    strides: emission.numbers('stride'),
    dilations: emission.numbers('dilation'),
    group: emission.number('groups'),
    pads: padsOf(emission, emission.input(0).dims, kernel),
  });
  return emission.result(activated(emission, y), pictures);
}

/** The gradient towards the pictures is ONNX's transposed convolution. */
function transposedConvolution(emission: Emission): LaidValue {
  const kernel = emission.known(emission.input(1).dims.slice(0, 2));
  const strides = emission.numbers('stride');
  const dilations = emission.numbers('dilation');
  const size = emission.numbers('size');
  const pads = padsOf(emission, [null, ...size, 1], kernel);
  const places = emission.known(emission.input(0).dims.slice(1, 3));
  const added = places.map((place, axis) => {
    const reach = ((kernel[axis] ?? 1) - 1) * (dilations[axis] ?? 1) + 1;
    const full = (place - 1) * (strides[axis] ?? 1) + reach;
    return (size[axis] ?? 1) - (full - (pads[axis] ?? 0) - (pads[axis + 2] ?? 0));
  });
  // What is left out at the end is a smaller padding there.
  const cut = pads.map((pad, i) => (i < 2 ? pad : pad + Math.max(0, -(added[i - 2] ?? 0))));
  const y = emission.node(
    'ConvTranspose',
    [emission.at(0, pictures), emission.at(1, [3, 2, 0, 1])],
    {
      kernel_shape: kernel,
      strides,
      dilations,
      group: emission.number('groups'),
      pads: cut,
      output_padding: added.map((more) => Math.max(0, more)),
    },
  );
  return emission.result(y, pictures);
}

/**
 * ONNX Runtime 1.30 makes a Pad the padding of the pool behind it, and a MaxPool takes none of its padding: zeros above
 * what lies beside them are lost. A Pad that names its axes it leaves alone.
 */
function keepBorder({ writer }: Emission, { name, dims }: LaidValue): void {
  const pad = writer.nodes.find(({ opType, output }) => opType === 'Pad' && output[0] === name);
  if (pad?.input.length === 3) pad.input.push(writer.int64s(plainOrder(dims.length)));
}

function pool(opType: string) {
  return (emission: Emission): LaidValue => {
    keepBorder(emission, emission.input(0));
    const size = emission.numbers('size');
    const y = emission.node(opType, [emission.at(0, pictures)], {
      kernel_shape: size,
      strides: emission.numbers('stride'),
      pads: padsOf(emission, emission.input(0).dims, size),
      ...(opType === 'MaxPool' ? { dilations: emission.numbers('dilation') } : {}),
    });
    return emission.result(y, pictures);
  };
}

/** All four sizes are given: with axes, ONNX Runtime 1.30 loses them where it moves a transpose across. */
function resize(emission: Emission): LaidValue {
  const nearest = emission.text('method') === 'nearest';
  const corners = emission.flag('alignCorners');
  const x = emission.at(0, pictures);
  const kept = emission.node('Shape', [x], { start: 0, end: 2 });
  const sides = emission.writer.int64s(emission.numbers('size'));
  const sizes = emission.node('Concat', [kept, sides], { axis: 0 });
  const y = emission.node('Resize', [x, '', '', sizes], {
    mode: nearest ? 'nearest' : 'linear',
    coordinate_transformation_mode: corners ? 'align_corners' : 'half_pixel',
    ...(nearest ? { nearest_mode: 'round_prefer_ceil' } : {}),
  });
  return emission.result(y, pictures);
}

function gridSample(emission: Emission): LaidValue {
  const y = emission.node('GridSample', [emission.at(0, pictures), emission.at(1)], {
    mode: 'bilinear',
    padding_mode: emission.text('padding'),
    align_corners: Number(emission.flag('alignCorners')),
  });
  return emission.result(y, pictures);
}

/** A matrix [I, O] on rows; ONNX's Gemm is for two dims only. */
function dense(emission: Emission): LaidValue {
  const inputs = [emission.at(0), emission.at(1)];
  if (emission.input(0).dims.length === 2) {
    if (emission.inputs[2]) inputs.push(emission.at(2));
    return emission.result(activated(emission, emission.node('Gemm', inputs)));
  }
  const product = emission.node('MatMul', inputs);
  const sum = emission.inputs[2] ? emission.node('Add', [product, emission.at(2)]) : product;
  return emission.result(activated(emission, sum));
}

function matmul(emission: Emission): LaidValue {
  const [a, b] = [0, 1].map((index) => {
    const order = plainOrder(emission.input(index).dims.length);
    if (emission.flag(index === 0 ? 'transposeA' : 'transposeB')) {
      order.push(...order.splice(order.length - 2, 1));
    }
    return emission.at(index, order);
  }) as [string, string];
  return emission.result(emission.node('MatMul', [a, b]));
}

function layerNorm(emission: Emission): LaidValue {
  const inputs = [emission.at(0), emission.at(1), emission.at(2)];
  const epsilon = new Float(emission.number('epsilon'));
  return emission.result(emission.node('LayerNormalization', inputs, { axis: -1, epsilon }));
}

/** Groups as channels of an instance normalisation, then scale and shift by channel: older runtimes know no other way. */
function groupNorm(emission: Emission): LaidValue {
  const rank = emission.input(0).dims.length;
  const order = channelsFirst(rank);
  const groups = emission.number('groups');
  const { writer } = emission;
  const folded = emission.node('Reshape', [emission.at(0, order), writer.int64s([0, groups, -1])]);
  const vector = (value: number) => ({
    dtype: 'f32' as const,
    shape: [groups],
    data: new Float32Array(groups).fill(value),
  });
  const even = emission.node(
    'InstanceNormalization',
    [folded, writer.tensor('scale', vector(1)), writer.tensor('shift', vector(0))],
    { epsilon: new Float(emission.number('epsilon')) },
  );
  const dims = order.map((axis) => emission.input(0).dims[axis] ?? 0);
  const back = emission.node('Reshape', [even, writer.int64s(dims)]);
  const column = writer.int64s([-1, ...new Array<number>(rank - 2).fill(1)]);
  const scale = emission.node('Reshape', [emission.at(1), column]);
  const shift = emission.node('Reshape', [emission.at(2), column]);
  const scaled = emission.node('Mul', [back, scale]);
  return emission.result(emission.node('Add', [scaled, shift]), order);
}

function softmax(opType: string) {
  return (emission: Emission): LaidValue => {
    const { order, dims } = emission.input(0);
    const axis = order.indexOf(emission.axis('axis', dims.length));
    return emission.result(emission.node(opType, [emission.at(0, order)], { axis }), order);
  };
}

export const networks: Emitters = {
  conv2d: convolution,
  conv2d_grad_input: transposedConvolution,
  max_pool2d: pool('MaxPool'),
  avg_pool2d: pool('AveragePool'),
  resize2d: resize,
  grid_sample: gridSample,
  dense,
  matmul,
  layer_norm: layerNorm,
  group_norm: groupNorm,
  softmax: softmax('Softmax'),
  log_softmax: softmax('LogSoftmax'),
};
