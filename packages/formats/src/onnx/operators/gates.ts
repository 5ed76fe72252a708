import type { Node } from '@vanda/engine';
import type { Call } from '../call.ts';
import { permuted } from '../permute.ts';
import type { Stored } from '../value.ts';

/** How the weights of a recurrent layer lie in ONNX: [directions, gates * units, ...]. */
export interface GateForm {
  readonly cell: 'LSTM' | 'GRU' | 'RNN';
  /** For each block of the engine the block of ONNX. */
  readonly gates: readonly number[];
  readonly units: number;
  readonly inputs: number;
  readonly reverse: readonly boolean[];
}

/** W [directions, gates * H, I] -> [I, gates * H] of one direction. */
export function inputWeights(call: Call, form: GateForm, direction: number): Node {
  return matrixOf(call, form, 1, direction, form.inputs);
}

/** R [directions, gates * H, H] -> [H, gates * H] of one direction. */
export function recurrentWeights(call: Call, form: GateForm, direction: number): Node {
  return matrixOf(call, form, 2, direction, form.units);
}

/**
 * B [directions, 2 * gates * H], for x and then for h: their sum where both are added (LSTM, RNN), [2, 3 H] where the
 * reset gate comes between them (GRU).
 */
export function bias(call: Call, form: GateForm, direction: number): Node {
  const { graph } = call.builder;
  const { gates, units } = form;
  const width = gates.length * units;
  const added = form.cell !== 'GRU';
  const given = call.inputs[3];
  if (!given) {
    return graph.expand(graph.constant(0), added ? [width] : [2, width]);
  }
  if (given.kind === 'stored') {
    const data = given.tensor.data as Float32Array;
    const at = (half: number, column: number) => {
      const block = gates[Math.floor(column / units)] ?? 0;
      return data[direction * 2 * width + half * width + block * units + (column % units)] ?? 0;
    };
    const values = added
      ? Float32Array.from({ length: width }, (_, i) => at(0, i) + at(1, i))
      : Float32Array.from({ length: 2 * width }, (_, i) => at(Math.floor(i / width), i % width));
    const shape = added ? [width] : [2, width];
    return call.builder.variable(nameOf(given, form, direction), {
      dtype: 'f32',
      shape,
      data: values,
    });
  }
  const rows = graph.slice(call.builder.plain(given), [direction, 0], [1, -1]);
  const halves = reordered(call, form, graph.reshape(rows, [2, gates.length, units]), 1);
  if (added) return graph.reshape(graph.sum(halves, 0), [width]);
  return graph.reshape(halves, [2, width]);
}

function matrixOf(
  call: Call,
  form: GateForm,
  index: number,
  direction: number,
  columns: number,
): Node {
  const { graph } = call.builder;
  const { gates, units } = form;
  const rows = gates.length * units;
  const given = call.input(index);
  const dims = call.dims(index);
  if (dims.join() !== [form.reverse.length, rows, columns].join()) {
    call.refuse(
      `[${dims.join(', ')}] is not [${form.reverse.length}, ${rows}, ${columns}]`,
      index === 1 ? 'W' : 'R',
    );
  }
  if (given.kind === 'stored') {
    const all = given.tensor.data as Float32Array;
    const ordered = new Float32Array(rows * columns);
    const block = units * columns;
    for (const [place, gate] of gates.entries()) {
      const begin = direction * rows * columns + gate * block;
      ordered.set(all.subarray(begin, begin + block), place * block);
    }
    const data = permuted(ordered, [rows, columns], [1, 0]);
    return call.builder.variable(nameOf(given, form, direction), {
      dtype: 'f32',
      shape: [columns, rows],
      data,
    });
  }
  const one = graph.slice(call.builder.plain(given), [direction, 0, 0], [1, -1, -1]);
  const blocks = reordered(call, form, graph.reshape(one, [gates.length, units, columns]), 0);
  return graph.transpose(graph.reshape(blocks, [rows, columns]));
}

/** Blocks along an axis in the engine's order. */
function reordered(call: Call, form: GateForm, blocks: Node, axis: number): Node {
  if (form.gates.every((gate, place) => gate === place)) return blocks;
  const { graph } = call.builder;
  const parts = graph.split(blocks, form.gates.length, axis);
  return graph.concat(
    form.gates.map((gate) => parts[gate] as Node),
    axis,
  );
}

function nameOf(given: Stored, form: GateForm, direction: number): string {
  if (form.reverse.length === 1) return given.name;
  return `${given.name}.${direction === 0 ? 'forward' : 'backward'}`;
}
