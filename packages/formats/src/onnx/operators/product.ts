import type { Node } from '@vanda/engine';
import type { Builder } from '../builder.ts';
import type { Call, Operators } from '../call.ts';
import { plainOrder, sameOrder } from '../dims.ts';
import { reshaped } from '../reshape.ts';
import type { Value } from '../value.ts';
import { dimsOf } from '../value.ts';

/** alpha A B + beta C, with A and B transposed or not; the form that torch's linear layers have is a dense layer. */
function gemm(call: Call): Value {
  const { builder } = call;
  const { graph } = builder;
  if (call.rank(0) !== 2 || call.rank(1) !== 2) call.refuse('multiplies matrices');
  const alpha = call.attributes.float('alpha', 1);
  const beta = call.attributes.float('beta', 1);
  const a = builder.inOrder(call.input(0), call.attributes.flag('transA') ? [1, 0] : [0, 1]);
  const b = builder.inOrder(call.input(1), call.attributes.flag('transB') ? [1, 0] : [0, 1]);
  const c = call.inputs[2] ? builder.plain(call.inputs[2]) : undefined;
  const isBias = c !== undefined && c.shape.length === 1 && c.shape[0] === b.shape[1];
  if (alpha === 1 && beta === 1 && (c === undefined || isBias)) {
    return builder.plainFlow(graph.dense(a, b, c), call.input(0));
  }
  const product = graph.matmul(a, b);
  const scaled = alpha === 1 ? product : graph.mul(product, alpha);
  const sum = c ? graph.add(scaled, beta === 1 ? c : graph.mul(c, beta)) : scaled;
  return builder.plainFlow(sum, call.input(0));
}

/** NumPy's matmul: vectors count as a row on the left and as a column on the right. */
function matMul(call: Call): Value {
  const { builder } = call;
  const [rankA, rankB] = [call.rank(0), call.rank(1)];
  if (rankA === 0 || rankB === 0) call.refuse('multiplies matrices, not numbers');
  const a = rankA === 1 ? reshaped(builder, call.input(0), [1, ...call.dims(0)]) : call.input(0);
  const b = rankB === 1 ? reshaped(builder, call.input(1), [...call.dims(1), 1]) : call.input(1);
  const product = builder.plainFlow(multiplied(builder, a, b), a, b);
  const dims = dimsOf(product);
  if (rankA > 1 && rankB > 1) return product;
  const kept = dims.filter(
    (_, axis) =>
      !(rankA === 1 && axis === dims.length - 2) && !(rankB === 1 && axis === dims.length - 1),
  );
  return reshaped(builder, product, kept);
}

function multiplied(builder: Builder, a: Value, b: Value): Node {
  const { graph } = builder;
  // One matrix for all rows is a dense layer, whose gradient is one product.
  const weight = builder.asFlow(b);
  if (weight.node.op === 'variable' && sameOrder(weight.order, [0, 1])) {
    return graph.dense(builder.plain(a), weight.node);
  }
  const left = matrix(builder, a);
  const right = matrix(builder, b);
  return graph.matmul(left.node, right.node, {
    transposeA: left.transposed,
    transposeB: right.transposed,
  });
}

/** The last two axes may lie in either order: the product takes a flag for it. */
function matrix(builder: Builder, value: Value): { node: Node; transposed: boolean } {
  const flow = builder.asFlow(value);
  const rank = flow.order.length;
  const transposed = flow.order.at(-1) === rank - 2;
  const order = plainOrder(rank);
  if (transposed) order.push(...order.splice(rank - 2, 1));
  return { node: builder.inOrder(flow, order), transposed };
}

/** Labels count axes in ONNX's order, so that operands and result lie in it. */
function einsum(call: Call): Value {
  const { builder } = call;
  const operands = call.inputs.map((_, i) => builder.plain(call.input(i)));
  const equation = call.attributes.text('equation').replaceAll(' ', '');
  return builder.plainFlow(builder.graph.einsum(equation, ...operands), call.input(0));
}

export const product: Operators = { Einsum: einsum, Gemm: gemm, MatMul: matMul };
