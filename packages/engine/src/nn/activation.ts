import { EngineError } from '../engine-error.ts';
import type { Node } from '../node.ts';
import type { Layer } from './layer.ts';

export type Activation =
  | 'relu'
  | 'leakyRelu'
  | 'elu'
  | 'gelu'
  | 'silu'
  | 'sigmoid'
  | 'tanh'
  | 'softplus'
  | 'softmax'
  | 'linear';

const functions: Record<Activation, (x: Node) => Node> = {
  relu: (x) => x.graph.relu(x),
  leakyRelu: (x) => x.graph.leakyRelu(x),
  elu: (x) => x.graph.elu(x),
  gelu: (x) => x.graph.gelu(x),
  silu: (x) => x.graph.silu(x),
  sigmoid: (x) => x.graph.sigmoid(x),
  tanh: (x) => x.graph.tanh(x),
  softplus: (x) => x.graph.softplus(x),
  softmax: (x) => x.graph.softmax(x),
  linear: (x) => x,
};

export function activate(name: Activation | undefined, x: Node): Node {
  const apply = functions[name ?? 'linear'];
  if (!apply)
    throw new EngineError('invalid_attribute', 'activation', `there is no activation '${name}'`);
  return apply(x);
}

export function activation(name: Activation): Layer {
  return { apply: (x) => activate(name, x) };
}
