import type { Padding3d } from '@vanda/engine';
import type { Call } from '../call.ts';
import { channelsLast } from '../dims.ts';
import type { Value } from '../value.ts';
import { kernelOrder, kernelSize, spatialDims } from './kernel.ts';
import { readPlaceWindow } from './window.ts';

type Three = [number, number, number];
type Six = Extract<Padding3d, readonly number[]>;

/** x [N, C, D, H, W] by a kernel [O, C / groups, KD, KH, KW]. */
export function convolveVolumes(call: Call): Value {
  const { builder } = call;
  const { strides, dilations, pads } = readPlaceWindow(
    call,
    kernelSize(call, 5),
    spatialDims(call),
  );
  const y = builder.graph.conv3d(
    builder.inOrder(call.input(0), channelsLast(5)),
    builder.inOrder(call.input(1), kernelOrder(5)),
    call.inputs[2] && builder.plain(call.inputs[2]),
    {
      stride: strides as Three,
      dilation: dilations as Three,
      padding: paired(pads),
      groups: call.attributes.int('group', 1),
    },
  );
  return builder.flow(y, channelsLast(5), call.input(0));
}

/** MaxPool and AveragePool of volumes. */
export function poolVolumes(call: Call): Value {
  const { builder, attributes } = call;
  const { graph } = builder;
  const size = attributes.ints('kernel_shape');
  const places = spatialDims(call);
  if (size.length !== 3 || size.some((extent) => extent < 1))
    call.refuse(`[${size.join(', ')}] does not fit 3 places`, 'kernel_shape');
  const { strides, dilations, pads } = readPlaceWindow(call, size, places);
  if (dilations.some((dilation) => dilation !== 1)) call.refuse('must be 1', 'dilations');
  if (attributes.flag('ceil_mode')) call.refuse('is not supported of volumes', 'ceil_mode');
  if (call.outputNames[1])
    call.refuse('the places of its maxima are used, which are not supported');
  const x = builder.inOrder(call.input(0), channelsLast(5));
  const options = { size: size as unknown as Three, stride: strides as unknown as Three };
  if (call.op === 'MaxPool') {
    attributes.ignore('storage_order');
    const y = graph.maxPool3d(x, { ...options, padding: paired(pads) });
    return builder.flow(y, channelsLast(5), call.input(0));
  }
  // The engine counts what lies inside the volume; a border that counts is laid around it first.
  const counted = attributes.flag('count_include_pad') && pads.some((pad) => pad > 0);
  const border = [0, 1, 2].map((axis) => [pads[axis] ?? 0, pads[axis + 3] ?? 0] as const);
  const padded = counted ? graph.pad(x, [[0, 0], ...border, [0, 0]]) : x;
  const padding = counted ? 'valid' : paired(pads);
  return builder.flow(
    graph.avgPool3d(padded, { ...options, padding }),
    channelsLast(5),
    call.input(0),
  );
}

/** [begin of each axis..., end of each...] as the two of each axis beside each other. */
function paired(pads: readonly number[]): Six {
  return [0, 1, 2].flatMap((axis) => [pads[axis] ?? 0, pads[axis + 3] ?? 0]) as unknown as Six;
}
