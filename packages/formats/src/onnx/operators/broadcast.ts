import type { Node } from '@vanda/engine';
import type { Call } from '../call.ts';
import { extentOf, OpenDim, plainOrder, sameOrder } from '../dims.ts';
import type { Flow, Value } from '../value.ts';
import { dimsOf } from '../value.ts';

/** Operands of one storage order, which broadcast in the engine as they do in ONNX. */
export interface Aligned {
  readonly nodes: readonly Node[];
  readonly result: (node: Node) => Flow;
}

/**
 * Brings operands to the order of the largest one. Dims count from the right in ONNX, so in any other order than its own
 * a lower rank is filled up with ones before its axes are placed.
 */
export function aligned(call: Call, values: readonly Value[]): Aligned {
  const { builder } = call;
  const rank = Math.max(...values.map((value) => dimsOf(value).length));
  const order = leadingOrder(values, rank);
  const plain = sameOrder(order, plainOrder(rank));
  const nodes = values.map((value) => {
    const own = dimsOf(value).length;
    if (own === 0 || (plain && own < rank)) return builder.plain(value);
    return builder.inOrder(own === rank ? value : filledUp(call, value, rank), order);
  });
  return { nodes, result: (node) => builder.flow(node, order, ...values) };
}

function leadingOrder(values: readonly Value[], rank: number): readonly number[] {
  const size = (value: Value) => {
    const { count, open } = extentOf(dimsOf(value));
    return open > 0 ? Number.POSITIVE_INFINITY : count;
  };
  const flows = values.filter((value) => value.kind === 'flow' && value.order.length === rank);
  const lead = flows.reduce<Value | undefined>(
    (best, value) => (best === undefined || size(value) > size(best) ? value : best),
    undefined,
  );
  return (lead as Flow | undefined)?.order ?? plainOrder(rank);
}

function filledUp(call: Call, value: Value, rank: number): Flow {
  const flow = call.builder.asFlow(value);
  const missing = rank - flow.order.length;
  const ones = plainOrder(missing);
  const dims = flow.node.shape.map((dim) => dim ?? new OpenDim(flow.times));
  const node = call.builder.reshapeTo(flow.node, [...ones.map(() => 1), ...dims]);
  return call.builder.flow(node, [...ones, ...flow.order.map((axis) => axis + missing)], value);
}
