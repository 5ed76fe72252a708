import type { Node } from '@vanda/engine';
import { tensor } from '@vanda/engine';
import type { Call, Operators } from '../call.ts';
import { plainOrder } from '../dims.ts';
import type { Value } from '../value.ts';
import { dimsOf, dtypeOf } from '../value.ts';

function concat(call: Call): Value {
  const { builder } = call;
  const values = call.inputs.map((_, i) => call.input(i));
  const rank = call.rank(0);
  const axis = call.axis(call.attributes.int('axis'), rank);
  const lead = values.find((value) => value.kind === 'flow');
  const order = lead ? builder.asFlow(lead).order : plainOrder(rank);
  const nodes = values.map((value) => {
    if (dimsOf(value).length !== rank) call.refuse('its inputs differ in their number of dims');
    return builder.inOrder(value, order);
  });
  return builder.flow(builder.graph.concat(nodes, order.indexOf(axis)), order, ...values);
}

/** Starts, ends, axes and steps as NumPy has them: negative ones count from the end, all are cut to what is there. */
function slice(call: Call): Value {
  const { builder } = call;
  const x = builder.asFlow(call.input(0));
  const rank = x.order.length;
  const starts = call.numbers(1);
  const ends = call.known(2).data;
  const axes = call.optionalNumbers(3) ?? plainOrder(starts.length);
  const steps = call.optionalNumbers(4) ?? starts.map(() => 1);
  if (
    ends.length !== starts.length ||
    axes.length !== starts.length ||
    steps.length !== starts.length
  ) {
    call.refuse('starts, ends, axes and steps differ in length');
  }
  const ranges = x.node.shape.map((): [number | null, number | null, number] => [null, null, 1]);
  for (const [i, start] of starts.entries()) {
    const place = x.order.indexOf(call.axis(axes[i] ?? 0, rank));
    const end = ends[i];
    const open = x.node.shape[place] === null;
    const whole = open && (typeof end !== 'number' || end >= 2 ** 31 - 1);
    if (!open && typeof end !== 'number') call.refuse('ends at the size of the batch', 'ends');
    const step = steps[i] ?? 1;
    const before = step < 0 && typeof end === 'number' && end <= -(2 ** 31 - 1);
    ranges[place] = [start, whole || before ? null : (end as number), step];
  }
  return builder.flow(builder.graph.stridedSlice(x.node, ranges), x.order, x);
}

function split(call: Call): readonly Value[] {
  const { builder } = call;
  const x = builder.asFlow(call.input(0));
  const axis = call.axis(call.attributes.int('axis', 0), x.order.length);
  const size = dimsOf(x)[axis];
  if (typeof size !== 'number') return call.refuse('the batch cannot be split', 'axis');
  const parts =
    call.opset >= 18
      ? call.attributes.int('num_outputs', call.outputNames.length)
      : call.outputNames.length;
  const given = call.opset >= 13 ? call.optionalNumbers(1) : givenSplit(call);
  const even = Math.ceil(size / parts);
  const sizes = given ?? Array.from({ length: parts }, (_, i) => Math.min(even, size - i * even));
  return builder.graph
    .split(x.node, sizes, x.order.indexOf(axis))
    .map((node) => builder.flow(node, x.order, x));
}

function givenSplit(call: Call): readonly number[] | undefined {
  return call.attributes.has('split') ? call.attributes.ints('split') : undefined;
}

/** A border of one value; reflected and repeated borders are made of slices. */
function pad(call: Call): Value {
  const { builder } = call;
  const x = builder.asFlow(call.input(0));
  const rank = x.order.length;
  const mode = call.attributes.text('mode', 'constant');
  const pads = call.numbers(1);
  const axes = (call.opset >= 18 ? call.optionalNumbers(3) : undefined) ?? plainOrder(rank);
  if (pads.length !== 2 * axes.length)
    call.refuse(`${pads.length} pads for ${axes.length} axes`, 'pads');
  const borders = x.order.map((): [number, number] => [0, 0]);
  for (const [i, axis] of axes.entries()) {
    const place = x.order.indexOf(call.axis(axis, rank));
    borders[place] = [pads[i] ?? 0, pads[i + axes.length] ?? 0];
  }
  const value = call.inputs[2] ? call.scalar(2) : 0;
  const cut = cropped(call, x.node, borders);
  const grown = borders.map(([a, b]): [number, number] => [Math.max(0, a), Math.max(0, b)]);
  if (mode === 'constant') {
    const none = grown.every(([a, b]) => a === 0 && b === 0);
    return builder.flow(none ? cut : builder.graph.pad(cut, grown, value), x.order, x);
  }
  if (mode !== 'reflect' && mode !== 'edge') call.refuse(`'${mode}' is not supported`, 'mode');
  const bordered = grown.reduce(
    (node, [a, b], place) => mirrored(call, node, place, a, b, mode),
    cut,
  );
  return builder.flow(bordered, x.order, x);
}

/** Negative pads cut elements off. */
function cropped(call: Call, x: Node, borders: readonly (readonly [number, number])[]): Node {
  if (borders.every(([a, b]) => a >= 0 && b >= 0)) return x;
  const ranges = borders.map(([a, b]) => [Math.max(0, -a), b < 0 ? b : null] as const);
  return call.builder.graph.stridedSlice(x, ranges);
}

/** The border of one axis: the elements at its ends again, mirrored without the last one, or that one alone. */
function mirrored(
  call: Call,
  x: Node,
  place: number,
  before: number,
  after: number,
  mode: string,
): Node {
  const size = x.shape[place];
  if (before === 0 && after === 0) return x;
  if (typeof size !== 'number' || (mode === 'reflect' && Math.max(before, after) >= size)) {
    return call.refuse(
      `a border of ${before} and ${after} is too wide for ${size} elements`,
      'pads',
    );
  }
  const { graph } = call.builder;
  const places = Array.from({ length: before + size + after }, (_, i) => {
    const at = i - before;
    if (mode === 'edge') return Math.min(Math.max(at, 0), size - 1);
    if (at < 0) return -at;
    return at < size ? at : 2 * (size - 1) - at;
  });
  return graph.take(x, graph.constant(tensor(places, [places.length], 'i32')), place);
}

/** Zeros with a one at each index, along a new axis; other pairs of numbers are steps between those. */
function oneHot(call: Call): Value {
  const { builder } = call;
  const { graph } = builder;
  const [off = 0, on = 1] = call.numbers(2);
  const rank = call.rank(0);
  const axis = call.axis(call.attributes.int('axis', -1), rank + 1);
  const indices = builder.plain(call.input(0));
  const ones = graph.oneHot(graph.cast(indices, 'i64'), call.scalar(1));
  const spread = off === 0 && on === 1 ? ones : graph.add(graph.mul(ones, on - off), off);
  const order = [...plainOrder(rank + 1).filter((at) => at !== axis), axis];
  return builder.flow(spread, order, call.input(0));
}

function trilu(call: Call): Value {
  const { builder } = call;
  const { graph } = builder;
  const dims = call.dims(0).slice(-2);
  const [rows, columns] = dims;
  if (typeof rows !== 'number' || typeof columns !== 'number' || rows * columns > 1 << 24) {
    return call.refuse('takes matrices of known size');
  }
  const k = call.inputs[1] ? call.scalar(1) : 0;
  const upper = call.attributes.flag('upper', true);
  const kept = Uint8Array.from({ length: rows * columns }, (_, i) => {
    const distance = (i % columns) - Math.floor(i / columns);
    return (upper ? distance >= k : distance <= k) ? 1 : 0;
  });
  const mask = graph.constant(tensor(kept, [rows, columns], 'bool'));
  const x = builder.plain(call.input(0));
  if (dtypeOf(call.input(0)) === 'bool')
    return builder.plainFlow(graph.logicalAnd(x, mask), call.input(0));
  return builder.plainFlow(graph.where(mask, x, 0), call.input(0));
}

export const parts: Operators = {
  Concat: concat,
  OneHot: oneHot,
  Pad: pad,
  Slice: slice,
  Split: split,
  Trilu: trilu,
};
