import type { OnnxDim } from '../../dims.ts';
import { OpenDim, plainOrder } from '../../dims.ts';
import { arrangement } from '../../reshape.ts';
import type { Emission, Emitters } from '../emission.ts';
import { dataTypeOf } from '../graph-writer.ts';
import type { LaidValue } from '../laid-value.ts';

/** Moves only what is joined or split in another order than it lies. */
function reshape(emission: Emission): LaidValue {
  const x = emission.input(0);
  const to = emission.outputs[0]?.shape ?? [];
  const open = (dims: readonly (number | null)[]) => ({
    known: dims.reduce<number>((product, dim) => product * (dim ?? 1), 1),
    count: dims.filter((dim) => dim === null).length,
  });
  const [before, behind] = [open(x.dims), open(to)];
  if (before.count !== behind.count || before.count > 1) {
    const shape = emission.writer.int64s(emission.numbers('shape'));
    return emission.result(emission.node('Reshape', [emission.at(0), shape]));
  }
  // The batch times what the other dims leave over.
  const scaled = (dims: readonly (number | null)[], times: number): OnnxDim[] =>
    dims.map((dim) => dim ?? new OpenDim(times));
  const most = Math.max(before.known, behind.known);
  const from = scaled(x.dims, before.count ? most / before.known : 1);
  const target = scaled(to, before.count ? most / behind.known : 1);
  const plan = arrangement(x.order, from, target);
  const storage = plan.storage.map((dim) => (typeof dim === 'number' ? dim : -1));
  const name = emission.node('Reshape', [
    emission.at(0, plan.before),
    emission.writer.int64s(storage),
  ]);
  return emission.result(name, plan.order);
}

/** Only what is known of the order changes. */
function transpose(emission: Emission): LaidValue {
  const x = emission.input(0);
  const permutation = emission.numbers('permutation');
  const order = x.order.map((axis) => permutation.indexOf(axis));
  return emission.result(emission.at(0, x.order), order);
}

function concat(emission: Emission): LaidValue {
  const lead = emission.inputs.find(({ fixed }) => !fixed) ?? emission.input(0);
  const axis = lead.order.indexOf(emission.axis('axis', lead.dims.length));
  const names = emission.inputs.map((_, i) => emission.at(i, lead.order));
  return emission.result(emission.node('Concat', names, { axis }), lead.order);
}

function slice(emission: Emission): LaidValue {
  const { dims, order } = emission.input(0);
  const begin = emission.numbers('begin');
  const size = emission.numbers('size');
  const steps = emission.numbers('step');
  const parts = plainOrder(dims.length).flatMap((axis) => {
    const [first = 0, count = -1, step = 1] = [begin[axis], size[axis], steps[axis]];
    const whole = first === 0 && step === 1 && (count === -1 || count === dims[axis]);
    if (whole) return [];
    const end = first + (emission.outputs[0]?.shape[axis] ?? count) * step;
    const to = step < 0 && end < 0 ? -(2 ** 31) : count === -1 && step > 0 ? 2 ** 31 - 1 : end;
    return [{ first, to, step, axis: order.indexOf(axis) }];
  });
  const x = emission.at(0, order);
  if (parts.length === 0) return emission.result(x, order);
  const list = (of: (part: (typeof parts)[number]) => number) =>
    emission.writer.int64s(parts.map(of));
  const inputs = [
    x,
    list((p) => p.first),
    list((p) => p.to),
    list((p) => p.axis),
    list((p) => p.step),
  ];
  return emission.result(emission.node('Slice', inputs), order);
}

function pad(emission: Emission): LaidValue {
  const { order } = emission.input(0);
  const laid = (name: string) => order.map((axis) => emission.numbers(name)[axis] ?? 0);
  const pads = emission.writer.int64s([...laid('before'), ...laid('after')]);
  const value = emission.writer.scalar(emission.number('value'));
  return emission.result(emission.node('Pad', [emission.at(0, order), pads, value]), order);
}

/** An open dim of the shape is that of what is repeated. */
function expand(emission: Emission): LaidValue {
  const shape = emission.writer.int64s(emission.numbers('shape').map((dim) => Math.max(1, dim)));
  return emission.result(emission.node('Expand', [emission.at(0), shape]));
}

function like(opType: string) {
  return (emission: Emission): LaidValue => {
    const shape = emission.node('Shape', [emission.at(1)]);
    return emission.result(emission.node(opType, [emission.at(0), shape]));
  };
}

function take(opType: string) {
  return (emission: Emission): LaidValue => {
    const axis =
      opType === 'Gather' && emission.op === 'gather'
        ? 0
        : emission.axis('axis', emission.input(0).dims.length);
    return emission.result(emission.node(opType, [emission.at(0), emission.at(1)], { axis }));
  };
}

/** Zeros with values added to the rows that are named. */
function scatterAdd(emission: Emission): LaidValue {
  const { writer } = emission;
  const shape = emission.known(emission.outputs[0]?.shape ?? []);
  const data = new Float32Array(shape.reduce((product, dim) => product * dim, 1));
  const zeros = writer.tensor('zeros', { dtype: 'f32', shape, data });
  const rows = emission.node('Cast', [emission.at(1)], { to: dataTypeOf.i64 });
  const places = emission.node('Unsqueeze', [rows, writer.int64s([-1])]);
  const inputs = [zeros, places, emission.at(0)];
  return emission.result(emission.node('ScatterND', inputs, { reduction: 'add' }));
}

function oneHot(emission: Emission): LaidValue {
  const { writer } = emission;
  const values = writer.tensor('off_and_on', {
    dtype: 'f32',
    shape: [2],
    data: Float32Array.of(0, 1),
  });
  const depth = writer.int64s([emission.number('depth')]);
  const indices = emission.node('Cast', [emission.at(0)], { to: 7 });
  return emission.result(emission.node('OneHot', [indices, depth, values]));
}

/** Which indices of bags stand for a row, as 1 and 0. */
function counted(emission: Emission, indices: string, dtype: 'i32' | 'i64'): string {
  const padding = new (dtype === 'i64' ? BigInt64Array : Int32Array)(1);
  padding[0] = (
    dtype === 'i64' ? BigInt(emission.number('padding')) : emission.number('padding')
  ) as never;
  const none = emission.writer.tensor('padding', { dtype, shape: [], data: padding });
  const real = emission.node('Not', [emission.node('Equal', [indices, none])]);
  return emission.node('Cast', [real], { to: dataTypeOf.f32 });
}

/** Sums of the rows that each bag names; what is padding reads the first row and counts nothing. */
function bagSum(emission: Emission): LaidValue {
  const indices = emission.at(1);
  const dtype = emission.input(1).dtype as 'i32' | 'i64';
  const weights = counted(emission, indices, dtype);
  const shares = emission.inputs[2] ? emission.node('Mul', [weights, emission.at(2)]) : weights;
  const whole = emission.node('Cast', [weights], { to: dataTypeOf[dtype] });
  const rows = emission.node('Gather', [emission.at(0), emission.node('Mul', [indices, whole])], {
    axis: 0,
  });
  const column = emission.node('Unsqueeze', [shares, emission.writer.int64s([-1])]);
  const axis = emission.writer.int64s([-2]);
  const sum = emission.node('ReduceSum', [emission.node('Mul', [rows, column]), axis], {
    keepdims: 0,
  });
  return emission.result(sum);
}

function bagSizes(emission: Emission): LaidValue {
  const dtype = emission.input(0).dtype as 'i32' | 'i64';
  const weights = counted(emission, emission.at(0), dtype);
  const count = emission.node('ReduceSum', [weights, emission.writer.int64s([-1])], {
    keepdims: 1,
  });
  return emission.result(emission.node('Max', [count, emission.writer.scalar(1)]));
}

export const shapes: Emitters = {
  bag_sum: bagSum,
  bag_sizes: bagSizes,
  reshape,
  transpose,
  concat,
  slice,
  pad,
  expand,
  expand_like: like('Expand'),
  reshape_like: like('Reshape'),
  gather: take('Gather'),
  take: take('Gather'),
  take_along_axis: take('GatherElements'),
  one_hot: oneHot,
  scatter_add: scatterAdd,
  // What is served is what step 0 gives.
  step: (emission) => emission.result(emission.writer.scalar(0)),
};
