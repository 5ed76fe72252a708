import type { Node } from '@vanda/engine';
import type { Call, Operators } from '../call.ts';
import { plainOrder } from '../dims.ts';
import type { Value } from '../value.ts';
import { asKnown } from '../value.ts';
import type { GateForm } from './gates.ts';
import { bias, inputWeights, recurrentWeights } from './gates.ts';
import { gruResettingFirst } from './gru-resetting-first.ts';

type Cell = GateForm['cell'];

/** Blocks of the gates in the engine's order, as places in ONNX's: LSTM has i o f c there, GRU z r h in both. */
const gatesOf: Readonly<Record<Cell, readonly number[]>> = {
  LSTM: [0, 2, 3, 1],
  GRU: [0, 1, 2],
  RNN: [0],
};
const activationsOf: Readonly<Record<Cell, readonly string[]>> = {
  LSTM: ['Sigmoid', 'Tanh', 'Tanh'],
  GRU: ['Sigmoid', 'Tanh'],
  RNN: ['Tanh'],
};

interface Direction {
  readonly y: Node;
  readonly states: readonly Node[];
}

/** Runs each direction by itself; [N, T, ...] in the engine, [T, N, ...] in ONNX unless `layout` is 1. */
function recurrent(call: Call, cell: Cell): readonly Value[] {
  const { builder } = call;
  const { graph } = builder;
  const batchFirst = call.attributes.int('layout', 0) === 1;
  const form = readForm(call, cell);
  const resetsFirst = cell === 'GRU' && !call.attributes.flag('linear_before_reset');
  const x = builder.inOrder(call.input(0), batchFirst ? [0, 1, 2] : [1, 0, 2]);
  const initial = cell === 'LSTM' ? states(call, form, [5, 6]) : states(call, form, [5]);
  const mask = lengthsMask(call, x);
  const directions = form.reverse.map((reverse, direction): Direction => {
    const w = inputWeights(call, form, direction);
    const u = recurrentWeights(call, form, direction);
    const b = bias(call, form, direction);
    const [h, c] = initial?.map((state) => state[direction] as Node) ?? [];
    if (cell === 'LSTM') {
      const start = h && c ? { h, c } : undefined;
      const result = graph.lstm(x, w, u, b, { reverse, mask, initial: start });
      return { y: result.y, states: [result.h, result.c] };
    }
    const options = { reverse, mask, initial: h };
    const result = resetsFirst
      ? gruResettingFirst({ x, w, u, bias: b }, options)
      : graph[cell === 'GRU' ? 'gru' : 'simpleRnn'](x, w, u, b, options);
    return { y: result.y, states: [result.h] };
  });
  return outputs(call, directions, mask, batchFirst);
}

function readForm(call: Call, cell: Cell): GateForm {
  const gates = gatesOf[cell];
  const { attributes } = call;
  const direction = attributes.text('direction', 'forward');
  const reverse = { forward: [false], reverse: [true], bidirectional: [false, true] }[direction];
  if (!reverse) return call.refuse(`'${direction}' is unknown`, 'direction');
  checkActivations(call, activationsOf[cell], reverse.length);
  if (attributes.has('clip')) call.refuse('clips its cells, which is not supported', 'clip');
  if (cell === 'LSTM' && attributes.flag('input_forget')) {
    call.refuse('joins its gates, which is not supported', 'input_forget');
  }
  if (call.inputs[7]) call.refuse('peepholes are not supported', 'P');
  for (const index of [0, 1, 2, ...(call.inputs[3] ? [3] : [])]) {
    if (call.dtype(index) !== 'f32')
      call.refuse(`its input ${index} is ${call.dtype(index)}, not f32`);
  }
  const [directions, rows, inputs] = call.dims(1);
  const units = attributes.int('hidden_size', Number(rows) / gates.length);
  if (directions !== reverse.length || rows !== gates.length * units) {
    call.refuse(`does not fit ${units} units in ${reverse.length} direction(s)`, 'W');
  }
  return { cell, gates, units, inputs: Number(inputs), reverse };
}

function checkActivations(call: Call, names: readonly string[], directions: number): void {
  call.attributes.ignore('activation_alpha', 'activation_beta');
  if (!call.attributes.has('activations')) return;
  const wanted = Array.from({ length: directions }, () => names).flat();
  const given = call.attributes.texts('activations');
  if (given.join().toLowerCase() !== wanted.join().toLowerCase()) {
    call.refuse(`[${given.join(', ')}] are not the usual [${wanted.join(', ')}]`, 'activations');
  }
}

/** [directions, N, H] as one [N, H] for each direction; zeros are what the engine begins with anyway. */
function states(
  call: Call,
  form: GateForm,
  indices: readonly number[],
): readonly (readonly Node[])[] | undefined {
  const { builder } = call;
  const given = indices.map((index) => call.inputs[index]);
  if (given.every((value) => value === undefined || isZero(value))) return undefined;
  return given.map((value, i) => {
    if (!value) return call.refuse(`its input ${indices[i]} is missing beside the other state`);
    const order = call.attributes.int('layout', 0) === 1 ? [0, 1, 2] : [1, 0, 2];
    const laid = builder.inOrder(value, order);
    return builder.graph
      .split(laid, form.reverse.length, 1)
      .map((part) => builder.graph.reshape(part, [0, form.units]));
  });
}

function isZero(value: Value): boolean {
  if (value.kind === 'filled') return value.fill === 0;
  return asKnown(value)?.data.every((element) => element === 0) ?? false;
}

function lengthsMask(call: Call, x: Node): Node | undefined {
  const lengths = call.inputs[4];
  const steps = x.shape[1];
  if (!lengths || typeof steps !== 'number') return undefined;
  if (asKnown(lengths)?.data.every((element) => element === steps)) return undefined;
  return call.builder.graph.sequenceMask(call.builder.plain(lengths), steps);
}

/** Y [T, directions, N, H] and the last states [directions, N, H], each as it lies in the engine. */
function outputs(
  call: Call,
  directions: readonly Direction[],
  mask: Node | undefined,
  batchFirst: boolean,
): readonly Value[] {
  const { builder } = call;
  const { graph } = builder;
  const x = call.input(0);
  // Behind its length a sequence gives zeros in ONNX; the engine repeats what was.
  const shown = mask ? graph.expandDims(graph.cast(mask, 'f32'), 2) : undefined;
  const ys = directions.map(({ y }) => graph.expandDims(shown ? graph.mul(y, shown) : y, 2));
  const joined = ys.length === 1 ? (ys[0] as Node) : graph.concat(ys, 2);
  const y = builder.flow(joined, batchFirst ? plainOrder(4) : [2, 0, 1, 3], x);
  const last = (directions[0]?.states ?? []).map((_, state) => {
    const each = directions.map(({ states }) => graph.expandDims(states[state] as Node, 1));
    const node = each.length === 1 ? (each[0] as Node) : graph.concat(each, 1);
    return builder.flow(node, batchFirst ? plainOrder(3) : [1, 0, 2], x);
  });
  return [y, ...last];
}

export const recurrents: Operators = {
  LSTM: (call) => recurrent(call, 'LSTM'),
  GRU: (call) => recurrent(call, 'GRU'),
  RNN: (call) => recurrent(call, 'RNN'),
};
