import type { Node } from '@vanda/engine';
import { tensor } from '@vanda/engine';
import type { Call, Operators } from '../call.ts';
import { reshaped } from '../reshape.ts';
import type { Value } from '../value.ts';
import { asKnown, dimsOf } from '../value.ts';

/** Rows of a table, slices of an axis, or one element of it. */
function gather(call: Call): Value {
  const { builder } = call;
  if (call.dtype(1) === 'f32') call.refuse('are no whole numbers', 'indices');
  const rank = call.rank(0);
  const axis = call.axis(call.attributes.int('axis', 0), rank);
  const known = asKnown(call.input(1));
  const size = call.dims(0)[axis];
  if (known && known.dims.length === 0 && typeof size === 'number') return one(call, axis, size);
  const table = builder.plain(call.input(0));
  const indices = indicesOf(call, size);
  const { graph } = builder;
  const node = axis === 0 ? graph.gather(table, indices) : graph.take(table, indices, axis);
  return builder.plainFlow(node, call.input(1), call.input(0));
}

/** Indices below 0 count from the end; those that are known are turned now. */
function indicesOf(call: Call, size: unknown): Node {
  const known = asKnown(call.input(1));
  if (!known || typeof size !== 'number') return call.builder.plain(call.input(1));
  const turned = call.numbers(1).map((index) => (index < 0 ? index + size : index));
  const wrong = turned.find((index) => index < 0 || index >= size);
  if (wrong !== undefined) call.refuse(`the index ${wrong} is outside ${size} elements`, 'indices');
  return call.builder.graph.constant(tensor(turned, known.dims, 'i64'));
}

function one(call: Call, axis: number, size: number): Value {
  const { builder } = call;
  const x = builder.asFlow(call.input(0));
  const given = call.scalar(1);
  const index = given < 0 ? given + size : given;
  if (index < 0 || index >= size)
    call.refuse(`the index ${given} is outside ${size} elements`, 'indices');
  const place = x.order.indexOf(axis);
  const ranges = x.order.map((_, at) => (at === place ? ([index, index + 1] as const) : null));
  const part = builder.flow(builder.graph.stridedSlice(x.node, ranges), x.order, x);
  return reshaped(
    builder,
    part,
    dimsOf(part).filter((_, at) => at !== axis),
  );
}

function gatherElements(call: Call): Value {
  const { builder } = call;
  const axis = call.axis(call.attributes.int('axis', 0), call.rank(0));
  const node = builder.graph.takeAlongAxis(
    builder.plain(call.input(0)),
    builder.plain(call.input(1)),
    axis,
  );
  return builder.plainFlow(node, call.input(0));
}

/** What lies at places of the first axes; a batch that both have in common would be `batch_dims`. */
function gatherNd(call: Call): Value {
  const { builder } = call;
  if (call.attributes.int('batch_dims', 0) !== 0) call.refuse('must be 0', 'batch_dims');
  const node = builder.graph.gatherNd(builder.plain(call.input(0)), builder.plain(call.input(1)));
  return builder.plainFlow(node, call.input(1), call.input(0));
}

/** Values at places of the first axes, in place of what lies there or added to it. */
function scatterNd(call: Call): Value {
  const { builder } = call;
  const { graph } = builder;
  const reduction = call.attributes.text('reduction', 'none');
  const [x, indices, values] = [0, 1, 2].map((i) => builder.plain(call.input(i))) as [
    Node,
    Node,
    Node,
  ];
  if (reduction === 'none')
    return builder.plainFlow(graph.scatterNdUpdate(x, indices, values), call.input(0));
  if (reduction !== 'add') call.refuse(`'${reduction}' is not supported`, 'reduction');
  const shape = x.shape.map((dim) => dim ?? call.refuse('adds along an open batch'));
  return builder.plainFlow(graph.add(x, graph.scatterNd(indices, values, shape)), call.input(0));
}

export const places: Operators = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherNd,
  ScatterND: scatterNd,
};
