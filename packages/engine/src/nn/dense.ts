import type { Initializer } from '../initializer.ts';
import type { Activation } from './activation.ts';
import { activate } from './activation.ts';
import type { Layer, Named } from './layer.ts';
import { Built, FEATURES, knownDim } from './layer.ts';

export interface DenseOptions extends Named {
  activation?: Activation;
  useBias?: boolean;
  init?: Initializer;
}

/** [..., I] -> [..., units]. */
export function dense(units: number, options: DenseOptions = {}): Layer {
  const built = new Built('dense', (graph, name, x) => ({
    weight: graph.variable(
      `${name}/weight`,
      [knownDim(x, -1, 'dense'), units],
      options.init ?? { kind: 'glorotUniform' },
    ),
    bias:
      options.useBias === false
        ? undefined
        : graph.variable(`${name}/bias`, [units], { kind: 'zeros' }),
  }));
  return {
    kind: 'dense',
    name: options.name,
    takes: FEATURES,
    apply(x) {
      const { weight, bias } = built.on(x);
      return activate(options.activation, x.graph.dense(x, weight, bias));
    },
  };
}
