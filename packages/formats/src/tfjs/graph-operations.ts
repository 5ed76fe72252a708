import type { Graph, Node, Padding } from '@vanda/engine';
import type { OperationCall } from './graph-node.ts';

type Rule = (call: OperationCall) => Node;

const AXES_MAX = 8;

function nodes(call: OperationCall, count: number): Node[] {
  const { inputs, field } = call;
  if (inputs.length < count) field.fail(`'${call.name}' has ${inputs.length} inputs, not ${count}`);
  return inputs.slice(0, count).map((input) => input.node());
}

function unary(apply: (g: Graph, x: Node) => Node): Rule {
  return (call) => apply(call.graph, nodes(call, 1)[0] as Node);
}

function binary(apply: (g: Graph, a: Node, b: Node) => Node): Rule {
  return (call) => {
    const [a, b] = nodes(call, 2) as [Node, Node];
    return apply(call.graph, a, b);
  };
}

/** Stored whole numbers, such as axes. */
function stored(call: OperationCall, input: number): number[] {
  const argument = call.inputs[input];
  if (!argument) return call.field.fail(`'${call.name}' has no input ${input}`);
  const { data, dtype } = argument.stored();
  if (dtype === 'f32' || data.length > AXES_MAX * 2)
    call.field.fail(`'${call.name}' takes a few whole numbers as input ${input}`);
  return Array.from(data, Number);
}

function picture(call: OperationCall) {
  const { attributes, field } = call;
  const format = attributes.text('data_format', 'NHWC');
  if (format !== 'NHWC') field.fail(`'${call.name}' has the data format ${format}, not NHWC`);
  const inner = (name: string): [number, number] => {
    const all = attributes.wholes(name);
    const [batch = 1, high = 1, wide = 1, channels = 1] = all;
    const valid = [0, 4].includes(all.length) && batch === 1 && channels === 1;
    if (!valid || high < 1 || wide < 1) attributes.field(name).fail('must be 1, HIGH, WIDE, 1');
    return [high, wide];
  };
  return { stride: inner('strides'), padding: padding(call), inner };
}

function padding({ attributes, field }: OperationCall): Padding {
  const text = attributes.text('padding', 'VALID');
  if (text === 'SAME') return 'same';
  if (text === 'VALID') return 'valid';
  const pads = attributes.wholes('explicit_paddings');
  const sides = pads.slice(2, 6) as [number, number, number, number];
  const valid = text === 'EXPLICIT' && pads.length === 8 && pads.every((pad) => pad >= 0);
  return valid ? sides : field.fail(`the padding is '${text}' of ${pads.length} numbers`);
}

function conv2d(call: OperationCall, bias?: Node): Node {
  const { stride, padding, inner } = picture(call);
  const [x, kernel] = nodes(call, 2) as [Node, Node];
  const options = { stride, padding, dilation: inner('dilations') };
  return call.graph.conv2d(x, kernel, bias, options);
}

function depthwise(call: OperationCall, bias?: Node): Node {
  const { stride, padding, inner } = picture(call);
  const [x, kernel] = nodes(call, 2) as [Node, Node];
  const options = { stride, padding, dilation: inner('dilations') };
  return call.graph.depthwiseConv2d(x, kernel, bias, options);
}

function matmul(call: OperationCall): Node {
  const [a, b] = nodes(call, 2) as [Node, Node];
  const { attributes } = call;
  return call.graph.matmul(a, b, {
    transposeA: attributes.flag('transpose_a', attributes.flag('adj_x', false)),
    transposeB: attributes.flag('transpose_b', attributes.flag('adj_y', false)),
  });
}

/** What follows a fused operation: a bias, and a function where one is named. */
function fused(compute: (call: OperationCall) => Node): Rule {
  return (call) => {
    const { graph: g, attributes, field } = call;
    const [first, then, ...more] = attributes.texts('fused_ops');
    if (first !== 'BiasAdd' || more.length > 0)
      attributes.field('fused_ops').fail('only BiasAdd and one function after it can be taken');
    const y = g.add(compute(call), nodes(call, 3)[2] as Node);
    if (then === undefined) return y;
    const after = { ...activations, LeakyRelu: leaky(attributes.number('leakyrelu_alpha', 0.2)) };
    const apply = Object.hasOwn(after, then) ? after[then as keyof typeof after] : undefined;
    return apply ? apply(g, y) : field.fail(`there is no function '${then}' behind '${call.name}'`);
  };
}

function leaky(slope: number) {
  return (g: Graph, x: Node) => g.leakyRelu(x, slope);
}

function pool(method: 'maxPool2d' | 'avgPool2d'): Rule {
  return (call) => {
    const { stride, padding, inner } = picture(call);
    const [x] = nodes(call, 1) as [Node];
    return call.graph[method](x, { size: inner('ksize'), stride, padding });
  };
}

function reduce(method: 'mean' | 'sum' | 'max' | 'min' | 'prod'): Rule {
  return (call) => {
    const [x] = nodes(call, 1) as [Node];
    return call.graph[method](x, stored(call, 1), call.attributes.flag('keep_dims', false));
  };
}

/** A batch that is not known stays where it is. */
function reshape(call: OperationCall): Node {
  const [x] = nodes(call, 1) as [Node];
  const shape = stored(call, 1);
  if (shape.includes(0)) call.field.fail('a shape with 0 elements cannot be taken');
  const [first, ...rest] = shape;
  const size = (dims: readonly (number | null)[]) => dims.reduce<number>((a, b) => a * (b ?? 1), 1);
  const keeps = x.shape[0] === null && first === -1 && size(x.shape.slice(1)) === size(rest);
  return call.graph.reshape(x, keeps ? [0, ...rest] : shape);
}

function batchNorm(call: OperationCall): Node {
  const { attributes, field } = call;
  if (attributes.flag('is_training', true)) field.fail(`'${call.name}' is made for training`);
  const [x, scale, shift, mean, variance] = nodes(call, 5) as [Node, Node, Node, Node, Node];
  picture(call);
  const epsilon = attributes.number('epsilon', 1e-4);
  return call.graph.batchNorm(x, scale, shift, mean, variance, { epsilon });
}

function pad(call: OperationCall): Node {
  const [x] = nodes(call, 1) as [Node];
  const flat = stored(call, 1);
  if (flat.length !== 2 * x.shape.length) call.field.fail('must have two numbers for each axis');
  const borders = x.shape.map(
    (_, axis) => [flat[2 * axis], flat[2 * axis + 1]] as [number, number],
  );
  const value = call.inputs[2]?.stored().data[0] ?? 0;
  return call.graph.pad(x, borders, Number(value));
}

function concat(call: OperationCall): Node {
  const parts = nodes(call, call.inputs.length - 1);
  const [axis] = stored(call, parts.length);
  if (axis === undefined || parts.length === 0) return call.field.fail('takes tensors and an axis');
  return call.graph.concat(parts, axis);
}

const activations = {
  Relu: (g: Graph, x: Node) => g.relu(x),
  Relu6: (g: Graph, x: Node) => g.relu6(x),
  Elu: (g: Graph, x: Node) => g.elu(x),
  Sigmoid: (g: Graph, x: Node) => g.sigmoid(x),
  Tanh: (g: Graph, x: Node) => g.tanh(x),
};

/** Every operation that can be taken beside Placeholder and Const. */
export const graphOperations: ReadonlyMap<string, Rule> = new Map(
  Object.entries<Rule>({
    ...Object.fromEntries(Object.entries(activations).map(([op, apply]) => [op, unary(apply)])),
    Identity: unary((_, x) => x),
    StopGradient: unary((g, x) => g.stopGradient(x)),
    Softmax: unary((g, x) => g.softmax(x)),
    LogSoftmax: unary((g, x) => g.logSoftmax(x)),
    Softplus: unary((g, x) => g.softplus(x)),
    Exp: unary((g, x) => g.exp(x)),
    Log: unary((g, x) => g.log(x)),
    Neg: unary((g, x) => g.neg(x)),
    Abs: unary((g, x) => g.abs(x)),
    Sqrt: unary((g, x) => g.sqrt(x)),
    Rsqrt: unary((g, x) => g.rsqrt(x)),
    Square: unary((g, x) => g.square(x)),
    LeakyRelu: (call) =>
      call.graph.leakyRelu(nodes(call, 1)[0] as Node, call.attributes.number('alpha', 0.2)),
    Add: binary((g, a, b) => g.add(a, b)),
    AddV2: binary((g, a, b) => g.add(a, b)),
    BiasAdd: binary((g, a, b) => g.add(a, b)),
    Sub: binary((g, a, b) => g.sub(a, b)),
    Mul: binary((g, a, b) => g.mul(a, b)),
    RealDiv: binary((g, a, b) => g.div(a, b)),
    Maximum: binary((g, a, b) => g.maximum(a, b)),
    Minimum: binary((g, a, b) => g.minimum(a, b)),
    Pow: binary((g, a, b) => g.pow(a, b)),
    SquaredDifference: binary((g, a, b) => g.square(g.sub(a, b))),
    Conv2D: (call) => conv2d(call),
    _FusedConv2D: fused(conv2d),
    DepthwiseConv2dNative: (call) => depthwise(call),
    FusedDepthwiseConv2dNative: fused(depthwise),
    MatMul: matmul,
    _FusedMatMul: fused(matmul),
    BatchMatMul: matmul,
    BatchMatMulV2: matmul,
    FusedBatchNorm: batchNorm,
    FusedBatchNormV2: batchNorm,
    FusedBatchNormV3: batchNorm,
    MaxPool: pool('maxPool2d'),
    AvgPool: pool('avgPool2d'),
    Mean: reduce('mean'),
    Sum: reduce('sum'),
    Max: reduce('max'),
    Min: reduce('min'),
    Prod: reduce('prod'),
    Reshape: reshape,
    Squeeze: (call) => {
      const axes = call.attributes.wholes('squeeze_dims');
      const named = axes.length > 0 ? axes : call.attributes.wholes('axis');
      return call.graph.squeeze(nodes(call, 1)[0] as Node, named.length > 0 ? named : undefined);
    },
    ExpandDims: (call) =>
      call.graph.expandDims(nodes(call, 1)[0] as Node, stored(call, 1)[0] ?? Number.NaN),
    Transpose: (call) => call.graph.transpose(nodes(call, 1)[0] as Node, stored(call, 1)),
    Pad: pad,
    PadV2: pad,
    ConcatV2: concat,
  }),
);
