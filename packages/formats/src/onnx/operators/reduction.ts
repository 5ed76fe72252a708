import type { Graph, Node } from '@vanda/engine';
import type { Call, Operator, Operators } from '../call.ts';
import type { Value } from '../value.ts';

type Reduce = (graph: Graph, x: Node, axes: number[], keepDims: boolean) => Node;

/** Over the given axes, or over all of them; the axes are an attribute before `inputSince` and an input from then on. */
function reduction(make: Reduce, inputSince = 18): Operator {
  return (call) => {
    const { builder } = call;
    const x = builder.asFlow(call.input(0));
    const rank = x.order.length;
    const given = call.axes(inputSince);
    const keepDims = call.attributes.flag('keepdims', true);
    const nothing = call.attributes.flag('noop_with_empty_axes');
    if (nothing && (given === undefined || given.length === 0)) return x;
    const chosen = given?.length ? given.map((axis) => call.axis(axis, rank)) : [...x.order];
    const places = chosen.map((axis) => x.order.indexOf(axis));
    return settled(call, make(builder.graph, x.node, places, keepDims), chosen, keepDims);
  };
}

/** The order that is left without the axes, or with ones in their place. */
function settled(call: Call, node: Node, chosen: readonly number[], keepDims: boolean): Value {
  const x = call.builder.asFlow(call.input(0));
  if (keepDims) return call.builder.flow(node, x.order, x);
  const left = x.order.filter((axis) => !chosen.includes(axis));
  const order = left.map((axis) => left.filter((other) => other < axis).length);
  return call.builder.flow(node, order, x);
}

function place(make: (graph: Graph, x: Node, axis: number) => Node): Operator {
  return (call) => {
    const { builder } = call;
    const x = builder.asFlow(call.input(0));
    const axis = call.axis(call.attributes.int('axis', 0), x.order.length);
    if (call.attributes.flag('select_last_index')) {
      call.refuse('of equal elements the first is taken', 'select_last_index');
    }
    const keepDims = call.attributes.flag('keepdims', true);
    const at = x.order.indexOf(axis);
    const found = builder.graph.cast(make(builder.graph, x.node, at), 'i64');
    const node = keepDims ? builder.graph.expandDims(found, at) : found;
    return settled(call, node, [axis], keepDims);
  };
}

/** The k greatest or smallest of an axis, in order. */
function topK(call: Call): readonly Value[] {
  const { builder } = call;
  const { graph } = builder;
  const x = builder.asFlow(call.input(0));
  const rank = x.order.length;
  const axis = call.axis(call.attributes.int('axis', -1), rank);
  const largest = call.attributes.flag('largest', true);
  call.attributes.ignore('sorted');
  const order = [...x.order.filter((other) => other !== axis), axis];
  const laid = builder.inOrder(x, order);
  const { values, indices } = graph.topK(largest ? laid : graph.neg(laid), call.scalar(1));
  return [largest ? values : graph.neg(values), graph.cast(indices, 'i64')].map((node) =>
    builder.flow(node, order, x),
  );
}

function cumSum(call: Call): Value {
  const { builder } = call;
  const x = builder.asFlow(call.input(0));
  const axis = x.order.indexOf(call.axis(call.scalar(1), x.order.length));
  const node = builder.graph.cumsum(x.node, axis, {
    exclusive: call.attributes.flag('exclusive'),
    reverse: call.attributes.flag('reverse'),
  });
  return builder.flow(node, x.order, x);
}

export const reductions: Operators = {
  ReduceSum: reduction((g, x, axes, keep) => g.sum(x, axes, keep), 13),
  ReduceMean: reduction((g, x, axes, keep) => g.mean(x, axes, keep)),
  ReduceMax: reduction((g, x, axes, keep) => g.max(x, axes, keep)),
  ReduceMin: reduction((g, x, axes, keep) => g.min(x, axes, keep)),
  ReduceProd: reduction((g, x, axes, keep) => g.prod(x, axes, keep)),
  ReduceSumSquare: reduction((g, x, axes, keep) => g.sum(g.square(x), axes, keep)),
  ReduceL1: reduction((g, x, axes, keep) => g.sum(g.abs(x), axes, keep)),
  ReduceL2: reduction((g, x, axes, keep) => g.sqrt(g.sum(g.square(x), axes, keep))),
  ReduceLogSum: reduction((g, x, axes, keep) => g.log(g.sum(x, axes, keep))),
  ReduceLogSumExp: reduction((g, x, axes, keep) => g.logSumExp(x, axes, keep)),
  ArgMax: place((g, x, axis) => g.argmax(x, axis)),
  ArgMin: place((g, x, axis) => g.argmin(x, axis)),
  TopK: topK,
  CumSum: cumSum,
};
