import type { Node } from '@vanda/engine';
import { JsonField } from '../json-field.ts';
import type { LayerCall, LayerRule, Value } from './layer-rule.ts';
import { sizeOf } from './layer-rule.ts';

const CELLS = ['LSTM', 'GRU'] as const;
type Cell = (typeof CELLS)[number];

interface Direction {
  readonly cell: Cell;
  readonly config: JsonField;
  /** Where Keras 3 keeps the weights. */
  readonly part: string;
  /** Before the names of the weights. */
  readonly prefix: string;
}

interface Outcome {
  /** [N, T, units], each step at its place in time. */
  readonly sequence: Node;
  readonly state: readonly Node[];
}

/** The engine's cells have the functions that Keras gives them by default, and no others. */
function checkCell({ cell, config }: Direction): void {
  config.get('activation').mustBe(undefined, 'tanh');
  config.get('recurrent_activation').mustBe(undefined, 'sigmoid');
  config.get('stateful').mustBe(undefined, false);
  config.get('time_major').mustBe(undefined, false);
  if (cell === 'GRU') config.get('reset_after').mustBe(true);
}

function run(call: LayerCall, direction: Direction): Outcome {
  const { cell, config, part, prefix } = direction;
  checkCell(direction);
  const { node: x, mask } = call.inputs[0] as Value;
  const g = call.graph;
  const units = config.get('units').whole(1);
  const columns = units * (cell === 'LSTM' ? 4 : 3);
  const where = { part };
  const kernel = call.weight(`${prefix}kernel`, [sizeOf(x, -1, call), columns], where);
  const recurrent = call.weight(`${prefix}recurrent_kernel`, [units, columns], where);
  const shape = cell === 'LSTM' ? [columns] : [2, columns];
  const bias = config.get('use_bias').flag(true)
    ? call.weight(`${prefix}bias`, shape, where)
    : g.constant({ dtype: 'f32', shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) });
  const options = { mask, reverse: config.get('go_backwards').flag(false) };
  if (cell === 'GRU') {
    const { y, h } = g.gru(x, kernel, recurrent, bias, options);
    return { sequence: y, state: [h] };
  }
  const { y, h, c } = g.lstm(x, kernel, recurrent, bias, options);
  return { sequence: y, state: [h, c] };
}

function recurrent(cell: Cell): LayerRule {
  return {
    inputs: [1, 1],
    mask: 'used',
    apply(call) {
      const { config, graph } = call;
      const { sequence, state } = run(call, { cell, config, part: 'cell', prefix: '' });
      const all = config.get('return_sequences').flag(false);
      // Keras leaves a sequence that was read backwards in the order in which it was read.
      const turned = config.get('go_backwards').flag(false) ? graph.flip(sequence, 1) : sequence;
      const y = {
        node: all ? turned : (state[0] as Node),
        mask: all ? call.inputs[0]?.mask : undefined,
      };
      const states = config.get('return_state').flag(false) ? state : [];
      return [y, ...states.map((node) => ({ node }))];
    },
  };
}

const bidirectional: LayerRule = {
  inputs: [1, 1],
  mask: 'used',
  apply(call) {
    const { config, graph: g } = call;
    const forward = directionOf(config.get('layer'), 'forward', call);
    const backward = config.get('backward_layer').absent
      ? reversed(forward)
      : directionOf(config.get('backward_layer'), 'backward', call);
    forward.config.get('return_state').mustBe(undefined, false);
    const all = forward.config.get('return_sequences').flag(false);
    const [a, b] = [forward, backward].map((direction) => {
      const { sequence, state } = run(call, direction);
      return all ? sequence : (state[0] as Node);
    }) as [Node, Node];
    const merge = config.get('merge_mode').choice(['concat', 'sum', 'mul', 'ave'], 'concat');
    const merged = { concat: () => g.concat([a, b], -1), sum: () => g.add(a, b) };
    const weighed = { mul: () => g.mul(a, b), ave: () => g.mul(g.add(a, b), 0.5) };
    const node = { ...merged, ...weighed }[merge]();
    return [{ node, mask: all ? call.inputs[0]?.mask : undefined }];
  },
};

function directionOf(
  layer: JsonField,
  side: 'forward' | 'backward',
  { config }: LayerCall,
): Direction {
  const cell = layer.get('class_name').choice(CELLS);
  layer.get('registered_name').mustBe(undefined);
  const own = layer.get('config');
  // Names as Keras 2 and TensorFlow.js make them: forward_lstm/kernel below the name of the wrapper.
  const name = own.get('name').text(config.get('name').text());
  const prefix = name.startsWith(`${side}_`) ? `${name}/` : `${side}_${name}/`;
  return { cell, config: own, part: `${side}_layer/cell`, prefix };
}

function reversed({ cell, config, prefix }: Direction): Direction {
  const turned = { ...config.object(), go_backwards: !config.get('go_backwards').flag(false) };
  return {
    cell,
    config: new JsonField(config.format, config.path, turned),
    part: 'backward_layer/cell',
    prefix: prefix.replace(/^forward_/, 'backward_'),
  };
}

export const recurrentLayers: Record<string, LayerRule> = {
  LSTM: recurrent('LSTM'),
  GRU: recurrent('GRU'),
  Bidirectional: bidirectional,
};
