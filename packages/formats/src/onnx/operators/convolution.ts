import type { Node } from '@vanda/engine';
import type { Call, Operators } from '../call.ts';
import { channelsLast } from '../dims.ts';
import type { Value } from '../value.ts';
import type { WindowShape } from './window.ts';
import { readWindow } from './window.ts';

function spatialDims(call: Call): number[] {
  return call
    .dims(0)
    .slice(2)
    .map((dim) => (typeof dim === 'number' ? dim : call.refuse('the batch must be its first dim')));
}

/** Kernels are [O, C / groups, ...places] in ONNX and [...places, C / groups, O] in the engine. */
function kernelOrder(rank: number): number[] {
  return [...channelsLast(rank).slice(1, -1), 1, 0];
}

/** The kernel's places, checked against what the node says of them. */
function kernelSize(call: Call, rank: number): number[] {
  const dims = call.dims(1);
  if (dims.length !== rank) call.refuse(`its kernel has ${dims.length} dims, not ${rank}`, 'W');
  const size = dims
    .slice(2)
    .map((dim) => (typeof dim === 'number' ? dim : call.refuse('its kernel has an open dim', 'W')));
  const said = call.attributes.ints('kernel_shape', size);
  if (said.join() !== size.join()) {
    call.refuse(
      `says [${said.join(', ')}], and the kernel is [${size.join(', ')}]`,
      'kernel_shape',
    );
  }
  return size;
}

/** Pictures or sequences as pictures of width 1: [N, L, C] and [K, C, O] get an axis behind their places. */
function asPictures(call: Call, rank: number): { x: Node; kernel: Node } {
  const { builder } = call;
  const x = builder.inOrder(call.input(0), channelsLast(rank));
  const kernel = builder.inOrder(call.input(1), kernelOrder(rank));
  if (rank === 4) return { x, kernel };
  return { x: builder.graph.expandDims(x, 2), kernel: builder.graph.expandDims(kernel, 1) };
}

function conv(call: Call): Value {
  const { builder } = call;
  const rank = call.rank(0);
  if (rank !== 3 && rank !== 4) call.refuse(`convolves ${rank - 2} places; 1 and 2 are supported`);
  const window = readWindow(call, kernelSize(call, rank), spatialDims(call));
  const { x, kernel } = asPictures(call, rank);
  const bias = call.inputs[2] ? builder.plain(call.inputs[2]) : undefined;
  const y = builder.graph.conv2d(x, kernel, bias, {
    stride: window.strides,
    dilation: window.dilations,
    padding: window.padding,
    groups: call.attributes.int('group', 1),
  });
  return finished(call, y, rank);
}

/** Without the width of 1 that a sequence was given. */
function finished(call: Call, y: Node, rank: number): Value {
  const node = rank === 4 ? y : call.builder.graph.squeeze(y, 2);
  return call.builder.flow(node, channelsLast(rank), call.input(0));
}

function convTranspose(call: Call): Value {
  const { builder } = call;
  const rank = call.rank(0);
  if (rank !== 3 && rank !== 4) call.refuse(`convolves ${rank - 2} places; 1 and 2 are supported`);
  if (call.attributes.has('output_shape')) {
    call.refuse('give pads in its place', 'output_shape');
  }
  const window: WindowShape = readWindow(call, kernelSize(call, rank), spatialDims(call));
  const added = call.attributes.ints('output_padding', [0, 0]);
  const { x, kernel } = asPictures(call, rank);
  const bias = call.inputs[2] ? builder.plain(call.inputs[2]) : undefined;
  const y = builder.graph.conv2dTranspose(x, kernel, bias, {
    stride: window.strides,
    dilation: window.dilations,
    padding: window.padding,
    groups: call.attributes.int('group', 1),
    outputPadding: [added[0] ?? 0, rank === 4 ? (added[1] ?? 0) : 0],
  });
  return finished(call, y, rank);
}

export const convolution: Operators = { Conv: conv, ConvTranspose: convTranspose };
