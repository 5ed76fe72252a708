import { EngineError } from '@vanda/engine';
import type { Builder } from './builder.ts';
import type { Call } from './call.ts';
import type { OnnxDim } from './dims.ts';
import { dimsText, extentOf, OpenDim } from './dims.ts';
import type { Flow, Value } from './value.ts';
import { dimsOf } from './value.ts';

/** Axes of the value before and behind a reshape that hold the same elements. */
interface Segment {
  readonly from: number[];
  readonly to: number[];
}

/** The dims that ONNX's Reshape means: 0 keeps a dim (unless allowed as zero), -1 is what is left. */
export function resolveDims(
  call: Call,
  from: readonly OnnxDim[],
  wanted: readonly OnnxDim[],
): OnnxDim[] {
  const refuse = () =>
    call.refuse(`${dimsText(from)} does not fit the shape ${dimsText(wanted)}`, 'shape');
  const kept = wanted.map((dim, axis) => (dim === 0 ? (from[axis] ?? refuse()) : dim));
  const inferred = kept.flatMap((dim, axis) => (dim === -1 ? [axis] : []));
  const negative = kept.some((dim) => typeof dim === 'number' && dim < -1);
  if (negative || inferred.length > 1) return refuse();
  const total = extentOf(from);
  const rest = extentOf(kept.filter((dim) => dim !== -1));
  const count = total.count / rest.count;
  const open = total.open - rest.open;
  if (!Number.isInteger(count) || open < 0 || open > 1) return refuse();
  if (inferred.length === 0) return count === 1 && open === 0 ? kept : refuse();
  return kept.map((dim) => (dim === -1 ? (open === 1 ? new OpenDim(count) : count) : dim));
}

/** How a reshape runs on memory whose axis k is axis order[k] of the value. */
export interface Arrangement {
  /** The order that the memory must have first. */
  readonly before: readonly number[];
  /** The dims of the memory behind it. */
  readonly storage: readonly OnnxDim[];
  /** Which axis of the new value each of them is. */
  readonly order: readonly number[];
}

/** Only axes that are joined or split in another order than they lie are moved. */
export function arrangement(
  order: readonly number[],
  from: readonly OnnxDim[],
  to: readonly OnnxDim[],
): Arrangement {
  const place = (segment: Segment) => {
    const real = segment.from.filter((axis) => from[axis] !== 1);
    const places = (real.length > 0 ? real : segment.from).map((axis) => order.indexOf(axis));
    return Math.min(...places, Number.MAX_SAFE_INTEGER);
  };
  const arranged = segmentsOf(from, to)
    .map((segment) => ({ segment, at: place(segment) }))
    .sort((a, b) => a.at - b.at)
    .map(({ segment }) => segment);
  const behind = arranged.flatMap((segment) => segment.to);
  return {
    before: arranged.flatMap((segment) => segment.from),
    storage: behind.map((axis) => to[axis] as OnnxDim),
    order: behind,
  };
}

/** A value in new dims of as many elements. */
export function reshaped(builder: Builder, value: Value, dims: readonly OnnxDim[]): Flow {
  const flow = builder.asFlow(value);
  const [given, wanted] = [extentOf(dimsOf(flow)), extentOf(dims)];
  if (given.count !== wanted.count || given.open !== wanted.open) {
    const text = `${dimsText(dimsOf(flow))} does not fit the shape ${dimsText(dims)}`;
    throw new EngineError('shape_mismatch', 'reshape', text);
  }
  const { before, storage, order } = arrangement(flow.order, dimsOf(flow), dims);
  const node = builder.reshapeTo(builder.inOrder(flow, before), storage);
  const open = dims.find((dim) => typeof dim !== 'number');
  return { kind: 'flow', node, order, times: open instanceof OpenDim ? open.times : 1 };
}

/** Cuts both lists of dims into the smallest parts of equal products. */
function segmentsOf(from: readonly OnnxDim[], to: readonly OnnxDim[]): Segment[] {
  const segments: Segment[] = [];
  let i = 0;
  let j = 0;
  while (i < from.length && j < to.length) {
    const segment: Segment = { from: [i++], to: [j++] };
    for (let step = compare(segment, from, to); step !== 0; step = compare(segment, from, to)) {
      if (step < 0 && i < from.length) segment.from.push(i++);
      else if (j < to.length) segment.to.push(j++);
      else segment.from.push(i++);
    }
    segments.push(segment);
  }
  // What is left over has one element.
  while (i < from.length) segments.push({ from: [i++], to: [] });
  while (j < to.length) segments.push({ from: [], to: [j++] });
  return segments;
}

/** Below 0 where the part of the first is the smaller one; the batch counts as larger than any number. */
function compare(segment: Segment, from: readonly OnnxDim[], to: readonly OnnxDim[]): number {
  const a = extentOf(segment.from.map((axis) => from[axis] as OnnxDim));
  const b = extentOf(segment.to.map((axis) => to[axis] as OnnxDim));
  return a.open - b.open || a.count - b.count;
}
