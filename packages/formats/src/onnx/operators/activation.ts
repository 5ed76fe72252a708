import type { Graph, Node } from '@vanda/engine';
import type { Call, Operator, Operators } from '../call.ts';
import { reshaped } from '../reshape.ts';
import type { Value } from '../value.ts';
import { aligned } from './broadcast.ts';
import { unary } from './elementwise.ts';

/** max(0, min(1, alpha x + beta)); 1 / 6 and 0.5 are the engine's own. */
function hardSigmoid(graph: Graph, x: Node, call: Call): Node {
  const alpha = call.attributes.float('alpha', 0.2);
  const beta = call.attributes.float('beta', 0.5);
  if (Math.abs(alpha - 1 / 6) < 1e-7 && beta === 0.5) return graph.hardSigmoid(x);
  return graph.clamp(graph.add(graph.mul(x, alpha), beta), 0, 1);
}

/** Klambauer et al., 2017: gamma times elu. */
function selu(graph: Graph, x: Node, call: Call): Node {
  const alpha = call.attributes.float('alpha', 1.6732632423543772);
  const gamma = call.attributes.float('gamma', 1.0507009873554805);
  return graph.mul(graph.elu(x, alpha), gamma);
}

function gelu(graph: Graph, x: Node, call: Call): Node {
  const kind = call.attributes.text('approximate', 'none');
  if (kind !== 'none' && kind !== 'tanh') call.refuse(`'${kind}' is none or tanh`, 'approximate');
  return graph.gelu(x, { approximate: kind === 'tanh' });
}

function prelu(call: Call): Value {
  const { builder } = call;
  const { nodes, result } = aligned(call, [call.input(0), call.input(1)]);
  const [x, slope] = nodes as [Node, Node];
  const { graph } = builder;
  const below = graph.mul(slope, graph.minimum(x, 0));
  return result(graph.add(graph.relu(x), below));
}

/** From opset 13 on along one axis; before that over all axes from `axis` on, as one row. */
function softmax(make: (graph: Graph, x: Node, axis: number) => Node): Operator {
  return (call) => {
    const { builder } = call;
    const dims = call.dims(0);
    const axis = call.axis(call.attributes.int('axis', call.opset >= 13 ? -1 : 1), dims.length);
    if (call.opset >= 13 || axis === dims.length - 1) {
      const x = builder.asFlow(call.input(0));
      return builder.flow(make(builder.graph, x.node, x.order.indexOf(axis)), x.order, x);
    }
    const width = dims.slice(axis).reduce<number>((product, dim) => {
      if (typeof dim !== 'number') return call.refuse('a row would hold the batch', 'axis');
      return product * dim;
    }, 1);
    const rows = reshaped(builder, call.input(0), [...dims.slice(0, axis), width]);
    const node = make(builder.graph, rows.node, rows.order.indexOf(axis));
    return reshaped(builder, builder.flow(node, rows.order, rows), dims);
  };
}

/** At inference nothing is dropped; a mask that is asked for is all true. */
function dropout(call: Call): Value {
  call.attributes.ignore('seed', 'ratio');
  const training = call.inputs[2] ? call.numbers(2)[0] : 0;
  if (training)
    call.refuse('drops in training mode, which an imported network does by its own layers');
  if (call.outputNames[1]) call.refuse('its mask is used');
  return call.input(0);
}

export const activation: Operators = {
  Relu: unary((g, x) => (x.dtype === 'f32' ? g.relu(x) : g.maximum(x, 0))),
  Sigmoid: unary((g, x) => g.sigmoid(x)),
  Tanh: unary((g, x) => g.tanh(x)),
  LeakyRelu: unary((g, x, call) => g.leakyRelu(x, call.attributes.float('alpha', 0.01))),
  Elu: unary((g, x, call) => g.elu(x, call.attributes.float('alpha', 1))),
  Celu: unary((g, x, call) => {
    const alpha = call.attributes.float('alpha', 1);
    return g.mul(g.elu(g.mul(x, 1 / alpha)), alpha);
  }),
  Selu: unary(selu),
  HardSigmoid: unary(hardSigmoid),
  HardSwish: unary((g, x) => g.hardSwish(x)),
  Softplus: unary((g, x) => g.softplus(x)),
  Softsign: unary((g, x) => g.div(x, g.add(g.abs(x), 1))),
  Mish: unary((g, x) => g.mul(x, g.tanh(g.softplus(x)))),
  Gelu: unary(gelu),
  PRelu: prelu,
  Softmax: softmax((g, x, axis) => g.softmax(x, axis)),
  LogSoftmax: softmax((g, x, axis) => g.logSoftmax(x, axis)),
  Dropout: dropout,
  Identity: (call) => call.input(0),
};
