import type { Call } from '../call.ts';
import type { OnnxDim } from '../dims.ts';
import { extentOf, OpenDim } from '../dims.ts';
import { readTensor } from '../tensor-data.ts';
import type { Known, Value } from '../value.ts';
import { asKnown, dimsOf, KNOWN_MAX, known } from '../value.ts';
import { arithmeticFolds, binaryNames } from './arithmetic.ts';
import { layoutFolds } from './layout.ts';

const folds = Object.assign(Object.create(null) as object, {
  ...arithmeticFolds,
  ...layoutFolds,
}) as typeof layoutFolds;

/** How many inputs a fold cannot do without, where it is not one. */
const operands: Readonly<Record<string, number>> = {
  CastLike: 2,
  Expand: 2,
  Gather: 2,
  Reshape: 2,
  ScatterND: 3,
  Slice: 3,
  Tile: 2,
  Where: 3,
  ...Object.fromEntries(binaryNames.map((name) => [name, 2])),
};

/**
 * What a node gives where that is known at import: shapes, and whatever is computed from them and from constants.
 * Undefined: it is for the graph.
 */
export function fold(call: Call): Value | readonly Value[] | undefined {
  switch (call.op) {
    case 'Shape':
      return shape(call);
    case 'Size':
      return size(call);
    case 'ConstantOfShape':
      return constantOfShape(call);
    case 'Range':
      return range(call);
    default:
      return folded(call);
  }
}

function folded(call: Call): Value | readonly Value[] | undefined {
  const make = folds[call.op];
  if (!make || call.inputs.length === 0) return undefined;
  if (call.op === 'Expand') {
    const filled = expandedFill(call);
    if (filled) return filled;
  }
  if (call.op === 'CastLike') return undefined;
  for (let i = 0; i < (operands[call.op] ?? 1); i += 1) call.input(i);
  const inputs: Known[] = [];
  for (const input of call.inputs) {
    if (!input) continue;
    const value = asKnown(input);
    if (!value) return undefined;
    inputs.push(value);
  }
  return make(call, inputs);
}

/** The dims of a value, from `start` to `end`. */
function shape(call: Call): Value {
  const dims = call.dims(0);
  const start = call.attributes.int('start', 0);
  const end = call.attributes.int('end', dims.length);
  const chosen = dims.slice(start, end);
  return known('i64', [chosen.length], chosen);
}

function size(call: Call): Value {
  const { count, open } = extentOf(call.dims(0));
  if (open > 1) call.refuse('is the square of the batch');
  return known('i64', [], [open === 1 ? new OpenDim(count) : count]);
}

function constantOfShape(call: Call): Value {
  const dims = call.known(0).data;
  const proto = call.attributes.tensor('value');
  const value = proto ? readTensor(proto, `${call.where}.value`) : undefined;
  const number = value ? Number(value.data[0] ?? 0) : 0;
  return filledOrKnown(call, dims, value?.dtype ?? 'f32', number);
}

function filledOrKnown(
  call: Call,
  dims: readonly OnnxDim[],
  dtype: Known['dtype'],
  number: number,
): Value {
  const wrong = dims.find((dim) => typeof dim === 'number' && !(dim >= 0));
  if (wrong !== undefined) call.refuse(`a dim is ${wrong}`, 'shape');
  const { count, open } = extentOf(dims);
  if (open > 0) return { kind: 'filled', dtype, dims, fill: number };
  if (count > KNOWN_MAX)
    call.refuse(`${count} elements are too many to be made at import`, 'shape');
  call.builder.spend(count);
  return known(dtype, dims as number[], new Array<number>(count).fill(number));
}

/** One known number in a shape that holds the batch stays one number. */
function expandedFill(call: Call): Value | undefined {
  const value = call.input(0);
  const target = asKnown(call.input(1))?.data;
  const one = value.kind === 'filled' ? value.fill : asKnown(value)?.data[0];
  const same = value.kind === 'filled' || asKnown(value)?.data.every((element) => element === one);
  if (!target || !same || typeof one !== 'number') return undefined;
  const from = dimsOf(value);
  if (extentOf(target).open === 0 && extentOf(from).open === 0) return undefined;
  const rank = Math.max(from.length, target.length);
  const dims = Array.from({ length: rank }, (_, axis) => {
    const wanted = target[axis - (rank - target.length)] ?? 1;
    return wanted === 1 ? (from[axis - (rank - from.length)] ?? 1) : wanted;
  });
  return filledOrKnown(call, dims, value.kind === 'filled' ? value.dtype : call.dtype(0), one);
}

function range(call: Call): Value {
  const [start, limit, delta] = [0, 1, 2].map((index) => call.scalar(index)) as [
    number,
    number,
    number,
  ];
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  if (!Number.isFinite(count) || count > KNOWN_MAX) {
    call.refuse(`from ${start} to ${limit} by ${delta} are too many numbers`);
  }
  call.builder.spend(count);
  const data = Array.from({ length: count }, (_, i) => start + i * delta);
  return known(call.dtype(0), [count], data);
}
