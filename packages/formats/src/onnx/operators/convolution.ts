import type { Node } from '@vanda/engine';
import type { Call, Operators } from '../call.ts';
import { channelsLast } from '../dims.ts';
import type { Value } from '../value.ts';
import { kernelOrder, kernelSize, spatialDims } from './kernel.ts';
import { convolveVolumes } from './volume.ts';
import type { WindowShape } from './window.ts';
import { readWindow } from './window.ts';

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
  if (rank === 5) return convolveVolumes(call);
  if (rank !== 3 && rank !== 4) call.refuse(`convolves ${rank - 2} places; 1 to 3 are supported`);
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
