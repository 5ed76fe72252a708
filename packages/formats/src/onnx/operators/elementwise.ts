import type { Graph, Node } from '@vanda/engine';
import type { Call, Operator, Operators } from '../call.ts';
import { dtypeOfData } from '../tensor-data.ts';
import type { Value } from '../value.ts';
import { dtypeOf } from '../value.ts';
import { aligned } from './broadcast.ts';

/** An operator of one input that keeps shape and order. */
export function unary(make: (graph: Graph, x: Node, call: Call) => Node): Operator {
  return (call) => {
    const x = call.builder.asFlow(call.input(0));
    return call.builder.flow(make(call.builder.graph, x.node, call), x.order, x);
  };
}

function binary(make: (graph: Graph, a: Node, b: Node, call: Call) => Node): Operator {
  return (call) => {
    const { nodes, result } = aligned(call, [call.input(0), call.input(1)]);
    return result(make(call.builder.graph, nodes[0] as Node, nodes[1] as Node, call));
  };
}

/** An operator of any number of inputs, two at a time. */
function folded(make: (graph: Graph, a: Node, b: Node) => Node): Operator {
  return (call) =>
    call.inputs.slice(1).reduce<Value>((sum, _, i) => {
      const { nodes, result } = aligned(call, [sum, call.input(i + 1)]);
      return result(make(call.builder.graph, nodes[0] as Node, nodes[1] as Node));
    }, call.input(0));
}

function power(call: Call): Value {
  const { builder } = call;
  const base = builder.asFlow(call.input(0));
  const exponent = call.inputs[1] && call.dtype(1) !== 'bool' ? knownScalar(call, 1) : undefined;
  if (exponent === 2) return builder.flow(builder.graph.square(base.node), base.order, base);
  if (exponent === 0.5) return builder.flow(builder.graph.sqrt(base.node), base.order, base);
  const { nodes, result } = aligned(call, [base, call.input(1)]);
  const [a, b] = nodes as [Node, Node];
  return result(builder.graph.pow(a, b.dtype === 'f32' ? b : builder.graph.cast(b, 'f32')));
}

function knownScalar(call: Call, index: number): number | undefined {
  const value = call.input(index);
  if (value.kind === 'flow' || value.kind === 'filled') return undefined;
  if (value.kind === 'stored' && value.weight) return undefined;
  const known = call.known(index);
  return known.data.length === 1 ? (known.data[0] as number) : undefined;
}

/** ONNX's Mod takes the sign of the divisor; with fmod = 1, that of the dividend, as C does. */
function modulo(graph: Graph, a: Node, b: Node, call: Call): Node {
  if (!call.attributes.flag('fmod')) return graph.mod(a, b);
  return graph.sub(a, graph.mul(graph.trunc(graph.div(a, b)), b));
}

function clip(call: Call): Value {
  const { builder } = call;
  const x = builder.asFlow(call.input(0));
  const low = call.inputs[1] ? call.scalar(1) : undefined;
  const high = call.inputs[2] ? call.scalar(2) : undefined;
  let node = x.node;
  if (node.dtype === 'f32' && low === 0 && high === 6) node = builder.graph.relu6(node);
  else if (node.dtype === 'f32' && low !== undefined && high !== undefined && low <= high) {
    node = builder.graph.clamp(node, low, high);
  } else {
    if (low !== undefined) node = builder.graph.maximum(node, low);
    if (high !== undefined) node = builder.graph.minimum(node, high);
  }
  return builder.flow(node, x.order, x);
}

function where(call: Call): Value {
  const { nodes, result } = aligned(call, [call.input(0), call.input(1), call.input(2)]);
  const [condition, a, b] = nodes as [Node, Node, Node];
  return result(call.builder.graph.where(condition, a, b));
}

function cast(graph: Graph, x: Node, call: Call): Node {
  call.attributes.ignore('saturate');
  return castTo(graph, x, dtypeOfData(call.attributes.int('to'), `${call.where}.to`));
}

function castTo(graph: Graph, x: Node, dtype: Node['dtype']): Node {
  if (x.dtype === dtype) return x;
  // A number is true where it is not 0; a cast would cut 0.5 to 0 first.
  return dtype === 'bool' ? graph.notEqual(x, 0) : graph.cast(x, dtype);
}

export const elementwise: Operators = {
  Add: binary((g, a, b) => g.add(a, b)),
  Sub: binary((g, a, b) => g.sub(a, b)),
  Mul: binary((g, a, b) => g.mul(a, b)),
  Div: binary((g, a, b) => g.div(a, b)),
  Mod: binary(modulo),
  Pow: power,
  Equal: binary((g, a, b) => g.equal(a, b)),
  Less: binary((g, a, b) => g.less(a, b)),
  LessOrEqual: binary((g, a, b) => g.lessEqual(a, b)),
  Greater: binary((g, a, b) => g.greater(a, b)),
  GreaterOrEqual: binary((g, a, b) => g.greaterEqual(a, b)),
  And: binary((g, a, b) => g.logicalAnd(a, b)),
  Or: binary((g, a, b) => g.logicalOr(a, b)),
  Xor: binary((g, a, b) => g.logicalXor(a, b)),
  Max: folded((g, a, b) => g.maximum(a, b)),
  Min: folded((g, a, b) => g.minimum(a, b)),
  Sum: folded((g, a, b) => g.add(a, b)),
  Mean: (call) => {
    const sum = call.builder.asFlow(folded((g, a, b) => g.add(a, b))(call) as Value);
    const node = call.builder.graph.mul(sum.node, 1 / call.inputs.length);
    return call.builder.flow(node, sum.order, sum);
  },
  Where: where,
  Clip: clip,
  Not: unary((g, x) => g.logicalNot(x)),
  Abs: unary((g, x) => g.abs(x)),
  Neg: unary((g, x) => g.neg(x)),
  Sign: unary((g, x) => g.sign(x)),
  Exp: unary((g, x) => g.exp(x)),
  Log: unary((g, x) => g.log(x)),
  Sqrt: unary((g, x) => g.sqrt(x)),
  Reciprocal: unary((g, x) => g.reciprocal(x)),
  Floor: unary((g, x) => g.floor(x)),
  Ceil: unary((g, x) => g.ceil(x)),
  Round: unary((g, x) => g.round(x)),
  Erf: unary((g, x) => g.erf(x)),
  Sin: unary((g, x) => g.sin(x)),
  Cos: unary((g, x) => g.cos(x)),
  Tan: unary((g, x) => g.tan(x)),
  IsNaN: unary((g, x) => g.isNan(x)),
  Cast: unary(cast),
  CastLike: unary((g, x, call) => {
    call.attributes.ignore('saturate');
    return castTo(g, x, dtypeOf(call.input(1)));
  }),
};
