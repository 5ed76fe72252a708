import { EngineError } from '../engine-error.ts';
import type { Graph } from '../graph.ts';
import type { Initializer } from '../initializer.ts';
import type { Node } from '../node.ts';
import { tensor } from '../tensor.ts';
import type { Layer, Mode, Named } from './layer.ts';
import { Built, knownDim, SEQUENCES } from './layer.ts';

export interface RecurrentLayerOptions extends Named {
  /** Every step's output [N, T, units]; otherwise the last one alone [N, units]. */
  returnSequences?: boolean;
  /** From the last step to the first; with returnSequences, outputs stay at their places in time. */
  goBackwards?: boolean;
  init?: Initializer;
  recurrentInit?: Initializer;
}

export interface LstmOptions extends RecurrentLayerOptions {
  /** The forget gate starts open: its bias begins as 1. */
  unitForgetBias?: boolean;
}

/** A layer that goes through [N, T, features] step by step; the mode's mask says which steps count. */
export interface RecurrentLayer extends Layer {
  /** All outputs [N, T, units] and the last state: [h, c] of an LSTM, [h] of the others; from `initial` on. */
  run(x: Node, mode: Mode, initial?: readonly Node[]): { sequence: Node; state: Node[] };
  /** Another layer of the same kind in the other direction. */
  reversed(): RecurrentLayer;
}

/** Hochreiter and Schmidhuber, 1997. [N, T, features] -> [N, units], or [N, T, units] with returnSequences. */
export function lstm(units: number, options: LstmOptions = {}): RecurrentLayer {
  const built = new Built('lstm', (graph, name, x) => {
    const forget = options.unitForgetBias ?? true;
    const bias = Float32Array.from({ length: 4 * units }, (_, i) =>
      forget && i >= units && i < 2 * units ? 1 : 0,
    );
    return weights(graph, name, x, units, 4, options, tensor(bias));
  });
  return recurrent('lstm', options, lstm.bind(undefined, units), (x, mode, initial) => {
    const { w, u, bias } = built.on(x);
    const [h, c] = initial ?? [];
    const { y, ...state } = x.graph.lstm(x, w, u, bias, {
      reverse: options.goBackwards,
      mask: mode.mask,
      initial: h && c ? { h, c } : undefined,
    });
    return { sequence: y, state: [state.h, state.c] };
  });
}

/** Cho et al., 2014, with the reset gate behind the recurrent product. Shapes as of lstm. */
export function gru(units: number, options: RecurrentLayerOptions = {}): RecurrentLayer {
  const built = new Built('gru', (graph, name, x) =>
    weights(graph, name, x, units, 3, options, { kind: 'zeros' }),
  );
  return recurrent('gru', options, gru.bind(undefined, units), (x, mode, initial) => {
    const { w, u, bias } = built.on(x);
    const { y, h } = x.graph.gru(x, w, u, bias, {
      reverse: options.goBackwards,
      mask: mode.mask,
      initial: initial?.[0],
    });
    return { sequence: y, state: [h] };
  });
}

/** Elman, 1990: tanh(x w + h u + bias), one step after the other. Shapes as of lstm. */
export function simpleRnn(units: number, options: RecurrentLayerOptions = {}): RecurrentLayer {
  const built = new Built('simple_rnn', (graph, name, x) =>
    weights(graph, name, x, units, 1, options, { kind: 'zeros' }),
  );
  return recurrent('simple_rnn', options, simpleRnn.bind(undefined, units), (x, mode, initial) => {
    const { w, u, bias } = built.on(x);
    const { y, h } = x.graph.simpleRnn(x, w, u, bias, {
      reverse: options.goBackwards,
      mask: mode.mask,
      initial: initial?.[0],
    });
    return { sequence: y, state: [h] };
  });
}

/** How bidirectional puts both directions together. */
export type Merge = 'concat' | 'sum' | 'mul' | 'ave';

/** The layer and one like it in the other direction, each with weights of its own. */
export function bidirectional(
  layer: RecurrentLayer,
  options: Named & { merge?: Merge } = {},
): Layer {
  const backward = layer.reversed();
  return {
    kind: 'bidirectional',
    name: options.name,
    takes: SEQUENCES,
    apply(x, mode) {
      const g = x.graph;
      const [a, b] = [layer.apply(x, mode), backward.apply(x, mode)];
      switch (options.merge ?? 'concat') {
        case 'concat':
          return g.concat([a, b], -1);
        case 'sum':
          return g.add(a, b);
        case 'mul':
          return g.mul(a, b);
        case 'ave':
          return g.mul(g.add(a, b), 0.5);
        default:
          throw new EngineError(
            'invalid_attribute',
            'bidirectional',
            `there is no merge '${options.merge}'; there are concat, sum, mul and ave`,
          );
      }
    },
  };
}

function recurrent<Options extends RecurrentLayerOptions>(
  kind: string,
  options: Options,
  make: (options: Options) => RecurrentLayer,
  run: RecurrentLayer['run'],
): RecurrentLayer {
  return {
    kind,
    name: options.name,
    takes: SEQUENCES,
    run,
    reversed: () => make({ ...options, goBackwards: !options.goBackwards }),
    apply(x, mode) {
      const { sequence, state } = run(x, mode);
      return options.returnSequences ? sequence : (state[0] as Node);
    },
  };
}

function weights(
  graph: Graph,
  name: string,
  x: Node,
  units: number,
  blocks: number,
  options: RecurrentLayerOptions,
  bias: Initializer,
) {
  if (!Number.isSafeInteger(units) || units < 1) {
    throw new EngineError('invalid_attribute', name, 'units must be a whole number of at least 1');
  }
  const columns = blocks * units;
  const limit = { kind: 'uniform', scale: 1 / Math.sqrt(units) } as const;
  return {
    w: graph.variable(
      `${name}/kernel`,
      [knownDim(x, -1, name), columns],
      options.init ?? { kind: 'glorotUniform' },
    ),
    u: graph.variable(`${name}/recurrent`, [units, columns], options.recurrentInit ?? limit),
    bias: graph.variable(`${name}/bias`, blocks === 3 ? [2, columns] : [columns], bias),
  };
}
