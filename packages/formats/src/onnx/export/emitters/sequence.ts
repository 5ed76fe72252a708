import type { Tensor } from '@vanda/engine';
import { permuted } from '../../permute.ts';
import type { Emission, Emitters } from '../emission.ts';
import type { Attributes } from '../graph-writer.ts';
import type { LaidValue } from '../laid-value.ts';

/** For each block of ONNX the block of the engine: i o f c from i f c o, z r h as they are. */
const lstmBlocks = [0, 3, 1, 2];
const gruBlocks = [0, 1, 2];

function fixedTensor(emission: Emission, index: number): Tensor {
  const { fixed } = emission.input(index);
  return (
    fixed?.tensor ?? emission.refuse('its weights change with its inputs, which ONNX does not have')
  );
}

/** [I, blocks * H] -> [1, blocks * H, I], the blocks in ONNX's order. */
function gateMatrix(emission: Emission, index: number, blocks: readonly number[]): string {
  const { shape, data } = fixedTensor(emission, index);
  const [inputs = 0, columns = 0] = shape;
  const rows = permuted(data as Float32Array, shape, [1, 0]);
  const block = (columns / blocks.length) * inputs;
  const ordered = new Float32Array(rows.length);
  for (const [place, from] of blocks.entries()) {
    ordered.set(rows.subarray(from * block, (from + 1) * block), place * block);
  }
  const name = emission.input(index).fixed?.name ?? 'weight';
  return emission.writer.tensor(name, { dtype: 'f32', shape: [1, columns, inputs], data: ordered });
}

/** [blocks * H] for x, or [2, blocks * H] for x and h -> [1, 2 * blocks * H]. */
function gateBias(emission: Emission, blocks: readonly number[]): string {
  const { shape, data } = fixedTensor(emission, 3);
  const columns = shape.at(-1) ?? 0;
  const units = columns / blocks.length;
  const joined = new Float32Array(2 * columns);
  for (let row = 0; row < data.length / columns; row += 1) {
    for (const [place, from] of blocks.entries()) {
      const begin = row * columns + from * units;
      joined.set(
        (data as Float32Array).subarray(begin, begin + units),
        row * columns + place * units,
      );
    }
  }
  const name = emission.input(3).fixed?.name ?? 'bias';
  return emission.writer.tensor(name, { dtype: 'f32', shape: [1, 2 * columns], data: joined });
}

/** ONNX runs along the first axis, and has one for directions. */
function recurrent(opType: string, blocks: readonly number[]) {
  return (emission: Emission): readonly LaidValue[] => {
    if (emission.flag('mask')) emission.refuse('masks of steps are not exported');
    const { writer } = emission;
    const lstm = opType === 'LSTM';
    const units = (emission.input(2).dims[0] ?? 0) as number;
    const inputs = [
      emission.at(0, [1, 0, 2]),
      gateMatrix(emission, 1, blocks),
      gateMatrix(emission, 2, blocks),
      gateBias(emission, blocks),
      '',
    ];
    if (emission.flag('state')) {
      const front = writer.int64s([0]);
      for (const index of lstm ? [4, 5] : [4]) {
        inputs.push(emission.node('Unsqueeze', [emission.at(index), front]));
      }
    }
    const names = (lstm ? ['y', 'h', 'c'] : ['y', 'h']).map((name) => writer.fresh(name));
    const direction = emission.flag('reverse') ? 'reverse' : 'forward';
    const before: Attributes = lstm ? {} : { linear_before_reset: 1 };
    writer.node(opType, inputs, { hidden_size: units, direction, ...before }, names);
    return names.map((name, output) => {
      const without = emission.node('Squeeze', [name, writer.int64s([output === 0 ? 1 : 0])]);
      return emission.result(without, output === 0 ? [1, 0, 2] : undefined, output);
    });
  };
}

/** Heads as an axis of their own: [N, T, heads * D] -> [N, heads, T, D]. */
function heads(emission: Emission, x: string, count: number): string {
  if (count === 0) return x;
  const split = emission.node('Reshape', [x, emission.writer.int64s([0, 0, count, -1])]);
  return emission.node('Transpose', [split], { perm: [0, 2, 1, 3] });
}

function parts(emission: Emission): readonly [q: string, k: string, v: string] {
  if (!emission.flag('packed')) return [emission.at(0), emission.at(1), emission.at(2)];
  const { writer } = emission;
  const width = ((emission.input(0).dims.at(-1) ?? 0) as number) / 3;
  const lengths = writer.int64s([width, width, width]);
  const names = ['q', 'k', 'v'].map((name) => writer.fresh(name)) as [string, string, string];
  writer.node('Split', [emission.at(0), lengths], { axis: -1 }, names);
  return names;
}

/** True where a query may look, to broadcast over [N, heads, T, S]; undefined where it may look anywhere. */
function visible(emission: Emission, steps: readonly [number, number]): string | undefined {
  const { writer } = emission;
  const [queries, keys] = steps;
  const masks: string[] = [];
  if (emission.flag('mask')) {
    const index = emission.flag('packed') ? 1 : 3;
    const axes = emission.input(index).dims.length === 2 ? [1, 2] : [1];
    masks.push(emission.node('Unsqueeze', [emission.at(index), writer.int64s(axes)]));
  }
  if (emission.flag('causal')) {
    const data = Uint8Array.from({ length: queries * keys }, (_, i) =>
      i % keys <= Math.floor(i / keys) ? 1 : 0,
    );
    masks.push(writer.tensor('causal', { dtype: 'bool', shape: [1, 1, queries, keys], data }));
  }
  return masks.length === 2 ? emission.node('And', masks) : masks[0];
}

/** softmax(q k^T scale + masks) v, written out. */
function attention(emission: Emission): readonly LaidValue[] {
  const { writer } = emission;
  const count = emission.number('heads');
  const [q, k, v] = parts(emission).map((part) => heads(emission, part, count)) as [
    string,
    string,
    string,
  ];
  const axis = count === 0 ? -2 : 1;
  const queries = emission.input(0).dims.at(axis) ?? 0;
  const keys = emission.flag('packed') ? queries : (emission.input(1).dims.at(axis) ?? 0);
  const width = (emission.input(0).dims.at(-1) ?? 0) as number;
  const depth = width / (emission.flag('packed') ? 3 : 1) / Math.max(1, count);
  const scale = emission.number('scale') || 1 / Math.sqrt(depth);
  const scores = emission.node('Mul', [
    emission.node('MatMul', [q, emission.node('Transpose', [k], { perm: [0, 1, 3, 2] })]),
    writer.scalar(scale),
  ]);
  const mask = visible(emission, [queries, keys]);
  const shown = mask ? emission.node('Where', [mask, scores, writer.scalar(-1e30)]) : scores;
  const shares = emission.node('Softmax', [shown], { axis: -1 });
  // A query that may look at nothing gets zeros.
  const counted = mask ? emission.node('Where', [mask, shares, writer.scalar(0)]) : shares;
  const y = emission.node('MatMul', [counted, v]);
  if (count === 0) return [emission.result(y)];
  const beside = emission.node('Transpose', [y], { perm: [0, 2, 1, 3] });
  return [emission.result(emission.node('Reshape', [beside, writer.int64s([0, 0, -1])]))];
}

export const sequences: Emitters = {
  lstm: recurrent('LSTM', lstmBlocks),
  gru: recurrent('GRU', gruBlocks),
  attention,
};
