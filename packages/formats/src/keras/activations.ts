import type { Node } from '@vanda/engine';
import type { JsonField } from '../json-field.ts';
import type { LayerCall, LayerRule } from './layer-rule.ts';
import { sizeOf, unary } from './layer-rule.ts';

const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;

const functions = {
  linear: (x) => x,
  relu: (x) => x.graph.relu(x),
  relu6: (x) => x.graph.relu6(x),
  leaky_relu: (x) => x.graph.leakyRelu(x, 0.2),
  elu: (x) => x.graph.elu(x),
  selu: (x) => x.graph.mul(x.graph.elu(x, SELU_ALPHA), SELU_SCALE),
  sigmoid: (x) => x.graph.sigmoid(x),
  hard_sigmoid: (x) => x.graph.hardSigmoid(x),
  tanh: (x) => x.graph.tanh(x),
  softplus: (x) => x.graph.softplus(x),
  softsign: (x) => x.graph.div(x, x.graph.add(x.graph.abs(x), 1)),
  softmax: (x) => x.graph.softmax(x),
  log_softmax: (x) => x.graph.logSoftmax(x),
  exponential: (x) => x.graph.exp(x),
  gelu: (x) => x.graph.gelu(x),
  silu: (x) => x.graph.silu(x),
  swish: (x) => x.graph.silu(x),
  hard_silu: (x) => x.graph.hardSwish(x),
  hard_swish: (x) => x.graph.hardSwish(x),
  mish: (x) => x.graph.mul(x, x.graph.tanh(x.graph.softplus(x))),
} satisfies Record<string, (x: Node) => Node>;

type ActivationName = keyof typeof functions;
type Activating = Pick<LayerCall, 'config' | 'dialect'>;
const NAMES = Object.keys(functions) as ActivationName[];

/** The function that a layer's configuration names, applied to its result. */
export function activated(x: Node, { config, dialect }: Activating): Node {
  const field = config.get('activation');
  const named = typeof field.value === 'object' && !field.absent ? field.get('config') : field;
  const name = named.choice(NAMES, 'linear');
  if (name === 'hard_sigmoid' && dialect === 'keras2')
    return x.graph.clamp(x.graph.add(x.graph.mul(x, 0.2), 0.5), 0, 1);
  return functions[name](x);
}

function relu(x: Node, config: JsonField): Node {
  const g = x.graph;
  const slope = config.get('negative_slope').number(0);
  const threshold = config.get('threshold').number(0);
  const max = config.get('max_value');
  if (threshold !== 0) config.get('threshold').fail('only a threshold of 0 can be taken');
  const y = slope === 0 ? g.relu(x) : g.leakyRelu(x, slope);
  if (max.absent) return y;
  const most = max.number();
  if (slope === 0 && most === 6) return g.relu6(x);
  return g.minimum(y, most);
}

export const activationLayers: Record<string, LayerRule> = {
  Activation: unary('passes', activated),
  ReLU: unary('passes', (x, { config }) => relu(x, config)),
  LeakyReLU: unary('passes', (x, { config }) => {
    const slope = config.get('negative_slope');
    return x.graph.leakyRelu(x, (slope.absent ? config.get('alpha') : slope).number(0.3));
  }),
  PReLU: unary('passes', (x, call) => {
    // Axes are shared where places have no slopes of their own; they are counted behind the batch.
    const shared = call.config.get('shared_axes');
    const axes = shared.absent ? [] : shared.wholes(1);
    const shape = x.shape
      .slice(1)
      .map((_, i) => (axes.includes(i + 1) ? 1 : sizeOf(x, i + 1, call)));
    return x.graph.prelu(x, call.weight('alpha', shape));
  }),
  ELU: unary('passes', (x, { config }) => x.graph.elu(x, config.get('alpha').number(1))),
  Softmax: unary('passes', (x, { config, inputs }) => {
    if (inputs[0]?.mask) config.fail('a Softmax behind a mask cannot be taken');
    const axis = config.get('axis');
    return x.graph.softmax(x, axis.absent ? -1 : axis.whole(-8, undefined, 8));
  }),
};
