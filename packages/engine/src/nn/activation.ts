import { EngineError } from '../engine-error.ts';
import type { Node } from '../node.ts';
import type { Layer, Named } from './layer.ts';
import { Built, FEATURES, knownDim } from './layer.ts';

export type Activation =
  | 'relu'
  | 'relu6'
  | 'leakyRelu'
  | 'elu'
  | 'gelu'
  | 'silu'
  | 'selu'
  | 'mish'
  | 'softsign'
  | 'sigmoid'
  | 'hardSigmoid'
  | 'hardSwish'
  | 'tanh'
  | 'softplus'
  | 'softmax'
  | 'logSoftmax'
  | 'linear';

const functions: Record<Activation, (x: Node) => Node> = {
  relu: (x) => x.graph.relu(x),
  relu6: (x) => x.graph.relu6(x),
  leakyRelu: (x) => x.graph.leakyRelu(x),
  elu: (x) => x.graph.elu(x),
  gelu: (x) => x.graph.gelu(x),
  silu: (x) => x.graph.silu(x),
  selu: (x) => x.graph.selu(x),
  mish: (x) => x.graph.mish(x),
  softsign: (x) => x.graph.softsign(x),
  sigmoid: (x) => x.graph.sigmoid(x),
  hardSigmoid: (x) => x.graph.hardSigmoid(x),
  hardSwish: (x) => x.graph.hardSwish(x),
  tanh: (x) => x.graph.tanh(x),
  softplus: (x) => x.graph.softplus(x),
  softmax: (x) => x.graph.softmax(x),
  logSoftmax: (x) => x.graph.logSoftmax(x),
  linear: (x) => x,
};

export function activate(name: Activation | undefined, x: Node): Node {
  const apply = functions[name ?? 'linear'];
  if (!apply)
    throw new EngineError('invalid_attribute', 'activation', `there is no activation '${name}'`);
  const y = apply(x);
  if (name === 'softmax' || name === 'sigmoid') logits.set(y, { activation: name, logits: x });
  return y;
}

const logits = new WeakMap<Node, { activation: 'softmax' | 'sigmoid'; logits: Node }>();

/** What a softmax or sigmoid that a layer applied was applied to: losses are exact from there. */
export function logitsOf(y: Node, activation: 'softmax' | 'sigmoid'): Node | undefined {
  const made = logits.get(y);
  return made?.activation === activation ? made.logits : undefined;
}

export function activation(name: Activation, options: Named = {}): Layer {
  return {
    kind: 'activation',
    name: options.name,
    takes: FEATURES,
    apply: (x) => activate(name, x),
  };
}

/** relu whose slope below 0 is learned, one for each of the last axis or one for all (`shared`); it begins at `slope`. */
export function prelu(options: Named & { slope?: number; shared?: boolean } = {}): Layer {
  const built = new Built('prelu', (graph, name, x) => {
    const channels = options.shared ? 1 : knownDim(x, -1, 'prelu');
    return graph.variable(`${name}/slope`, [channels], {
      kind: 'constant',
      value: options.slope ?? 0.25,
    });
  });
  return {
    kind: 'prelu',
    name: options.name,
    takes: FEATURES,
    apply: (x) => x.graph.prelu(x, built.on(x)),
  };
}
