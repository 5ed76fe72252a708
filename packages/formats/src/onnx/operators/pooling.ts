import type { Graph, Node } from '@vanda/engine';
import type { Call, Operator, Operators } from '../call.ts';
import { channelsLast } from '../dims.ts';
import { poolVolumes } from './volume.ts';
import type { WindowShape } from './window.ts';
import { readWindow } from './window.ts';

/** A pool over pictures, or over sequences as pictures of width 1. */
function pool(make: (call: Call, x: Node, window: WindowShape) => Node): Operator {
  return (call) => {
    const { builder } = call;
    const rank = call.rank(0);
    if (rank === 5) return poolVolumes(call);
    if (rank !== 3 && rank !== 4) call.refuse(`pools ${rank - 2} places; 1 to 3 are supported`);
    const places = call
      .dims(0)
      .slice(2)
      .map((dim) =>
        typeof dim === 'number' ? dim : call.refuse('the batch must be its first dim'),
      );
    const size = call.attributes.ints('kernel_shape');
    const fits = size.length === places.length && size.every((extent) => extent >= 1);
    if (!fits)
      call.refuse(`[${size.join(', ')}] does not fit ${places.length} places`, 'kernel_shape');
    const window = rounded(call, readWindow(call, size, places), places);
    const laid = builder.inOrder(call.input(0), channelsLast(rank));
    const x = rank === 4 ? laid : builder.graph.expandDims(laid, 2);
    const y = make(call, x, window);
    return builder.flow(
      rank === 4 ? y : builder.graph.squeeze(y, 2),
      channelsLast(rank),
      call.input(0),
    );
  };
}

/** With ceil_mode a last window may reach beyond the end, as long as it begins within the picture or its border. */
function rounded(call: Call, window: WindowShape, places: readonly number[]): WindowShape {
  if (!call.attributes.flag('ceil_mode')) return window;
  const padding = [...window.padding] as [number, number, number, number];
  for (const [axis, place] of places.entries()) {
    const stride = window.strides[axis] ?? 1;
    const before = padding[2 * axis] ?? 0;
    const after = padding[2 * axis + 1] ?? 0;
    const reach = ((window.size[axis] ?? 1) - 1) * (window.dilations[axis] ?? 1) + 1;
    let steps = Math.ceil((place + before + after - reach) / stride);
    if (steps * stride >= place + before) steps -= 1;
    padding[2 * axis + 1] = Math.max(after, steps * stride + reach - place - before);
  }
  return { ...window, padding };
}

function maxPool(call: Call, x: Node, window: WindowShape): Node {
  call.attributes.ignore('storage_order');
  if (call.outputNames[1])
    call.refuse('the places of its maxima are used, which are not supported');
  return call.builder.graph.emit('max_pool2d', [x], {
    size: window.size,
    stride: window.strides,
    dilation: window.dilations,
    padding: 'explicit',
    pads: window.padding,
  });
}

/** The engine counts what lies inside the picture; a border that counts is laid around it first. */
function avgPool(call: Call, x: Node, window: WindowShape): Node {
  const { graph } = call.builder;
  if (window.dilations.some((dilation) => dilation !== 1)) call.refuse('must be 1', 'dilations');
  const options = { size: window.size, stride: window.strides };
  if (!call.attributes.flag('count_include_pad')) {
    return graph.avgPool2d(x, { ...options, padding: window.padding });
  }
  const said = call.attributes.ints('pads', [0, 0, 0, 0]);
  const n = said.length / 2;
  const [top = 0, left = 0] = said.slice(0, n);
  const [bottom = 0, right = 0] = said.slice(n);
  const border = n === 1 ? [top, bottom, 0, 0] : [top, bottom, left, right];
  const padded = padPictures(graph, x, border);
  const rest = window.padding.map((pad, i) => pad - (border[i] ?? 0));
  return graph.avgPool2d(padded, { ...options, padding: rest as [number, number, number, number] });
}

function padPictures(graph: Graph, x: Node, border: readonly number[]): Node {
  const [top = 0, bottom = 0, left = 0, right = 0] = border;
  if (border.every((pad) => pad === 0)) return x;
  return graph.pad(x, [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ]);
}

/** Over all places, which stay as dims of one element. */
function globalPool(make: (graph: Graph, x: Node, axes: number[]) => Node): Operator {
  return (call) => {
    const { builder } = call;
    const rank = call.rank(0);
    if (rank < 3) call.refuse('takes [N, C, places...]');
    const order = channelsLast(rank);
    const axes = order.slice(1, -1).map((_, place) => place + 1);
    const y = make(builder.graph, builder.inOrder(call.input(0), order), axes);
    return builder.flow(y, order, call.input(0));
  };
}

export const pooling: Operators = {
  MaxPool: pool(maxPool),
  AveragePool: pool(avgPool),
  GlobalAveragePool: globalPool((g, x, axes) => g.mean(x, axes, true)),
  GlobalMaxPool: globalPool((g, x, axes) => g.max(x, axes, true)),
};
