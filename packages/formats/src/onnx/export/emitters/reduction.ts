import { plainOrder } from '../../dims.ts';
import type { Emission, Emit, Emitters } from '../emission.ts';
import { dataTypeOf } from '../graph-writer.ts';
import type { LaidValue } from '../laid-value.ts';

function axesOf(emission: Emission): number[] {
  const rank = emission.input(0).dims.length;
  const axes = emission.numbers('axes').map((axis) => (axis < 0 ? axis + rank : axis));
  return axes.length > 0 ? axes : plainOrder(rank);
}

/** Runs in whichever order the value lies; axes of one element stay where they are. */
function reduced(emission: Emission, make: (x: string, axes: string) => string): LaidValue {
  const { order } = emission.input(0);
  const axes = axesOf(emission);
  const places = axes.map((axis) => order.indexOf(axis));
  const name = make(emission.at(0, order), emission.writer.int64s(places));
  return emission.result(name, left(order, axes, emission.flag('keepDims')));
}

/** The order of what is left without the axes, or with ones in their place. */
function left(order: readonly number[], axes: readonly number[], keepDims: boolean): number[] {
  if (keepDims) return [...order];
  const kept = order.filter((axis) => !axes.includes(axis));
  return kept.map((axis) => kept.filter((other) => other < axis).length);
}

function reduction(opType: string): Emit {
  return (emission) =>
    reduced(emission, (x, axes) =>
      emission.node(opType, [x, axes], { keepdims: Number(emission.flag('keepDims')) }),
    );
}

/** Of booleans, as the least or greatest of zeros and ones. */
function logical(opType: string): Emit {
  return (emission) =>
    reduced(emission, (x, axes) => {
      const numbers = emission.node('Cast', [x], { to: dataTypeOf.i32 });
      const keepdims = Number(emission.flag('keepDims'));
      return emission.node('Cast', [emission.node(opType, [numbers, axes], { keepdims })], {
        to: dataTypeOf.bool,
      });
    });
}

function variance(emission: Emission): LaidValue {
  const axes = axesOf(emission);
  const correction = emission.number('correction');
  return reduced(emission, (x, places) => {
    const mean = emission.node('ReduceMean', [x, places], { keepdims: 1 });
    const distance = emission.node('Sub', [x, mean]);
    const squares = emission.node('Mul', [distance, distance]);
    const keepdims = Number(emission.flag('keepDims'));
    const biased = emission.node('ReduceMean', [squares, places], { keepdims });
    if (correction === 0) return biased;
    const count = emission
      .known(axes.map((axis) => emission.input(0).dims[axis] ?? null))
      .reduce((product, dim) => product * dim, 1);
    return emission.node('Mul', [biased, emission.writer.scalar(count / (count - correction))]);
  });
}

function place(opType: string): Emit {
  return (emission) => {
    const { order, dims } = emission.input(0);
    const axis = emission.axis('axis', dims.length);
    const found = emission.node(opType, [emission.at(0, order)], {
      axis: order.indexOf(axis),
      keepdims: 0,
    });
    const name = emission.node('Cast', [found], { to: dataTypeOf.i32 });
    return emission.result(name, left(order, [axis], false));
  };
}

function topK(emission: Emission): readonly LaidValue[] {
  const { writer } = emission;
  const names = [writer.fresh('values'), writer.fresh('places')];
  writer.node('TopK', [emission.at(0), writer.int64s([emission.number('k')])], { axis: -1 }, names);
  const places = emission.node('Cast', [names[1] as string], { to: dataTypeOf.i32 });
  return [emission.result(names[0] as string), emission.result(places, undefined, 1)];
}

/** All elements are the greatest so many; equals lie as they did in both. */
function sort(emission: Emission): readonly LaidValue[] {
  const { writer } = emission;
  const { dims } = emission.input(0);
  const axis = emission.axis('axis', dims.length);
  const size = emission.known([dims[axis] ?? null])[0] ?? 1;
  const names = [writer.fresh('sorted'), writer.fresh('places')];
  const attributes = { axis, largest: Number(emission.flag('descending')) };
  writer.node('TopK', [emission.at(0), writer.int64s([size])], attributes, names);
  const places = emission.node('Cast', [names[1] as string], { to: dataTypeOf.i32 });
  return [emission.result(names[0] as string), emission.result(places, undefined, 1)];
}

function cumsum(emission: Emission): LaidValue {
  const { order, dims } = emission.input(0);
  const axis = order.indexOf(emission.axis('axis', dims.length));
  const name = emission.node(
    'CumSum',
    [emission.at(0, order), emission.writer.int64s([axis], [])],
    {
      exclusive: Number(emission.flag('exclusive')),
      reverse: Number(emission.flag('reverse')),
    },
  );
  return emission.result(name, order);
}

export const reductions: Emitters = {
  sum: reduction('ReduceSum'),
  mean: reduction('ReduceMean'),
  max: reduction('ReduceMax'),
  min: reduction('ReduceMin'),
  prod: reduction('ReduceProd'),
  log_sum_exp: reduction('ReduceLogSumExp'),
  any: logical('ReduceMax'),
  all: logical('ReduceMin'),
  variance,
  argmax: place('ArgMax'),
  argmin: place('ArgMin'),
  top_k: topK,
  sort,
  cumsum,
};
