import type { LayerValue } from '../keras-layer.ts';
import type { LayerEmission, LayerEmitters } from '../layer-emission.ts';
import { permuted, product, reshaped, throughMatrix } from './parts.ts';
import { taken } from './slice.ts';

function checked(e: LayerEmission): LayerValue {
  const x = e.input(0);
  if (e.dims()[0] !== null || e.dims().slice(1).includes(null))
    e.refuse('gives something else than one result for each item of a batch');
  return x;
}

/** Axes of one element before the batch are not said to TensorFlow.js: somebody takes them away again. */
function reshape(e: LayerEmission): LayerValue {
  const given = e.operand(0);
  const batch = given.dims.indexOf(null);
  const [before, behind] = [given.dims.slice(0, batch), e.dims().slice(0, e.dims().indexOf(null))];
  if (given.fixed || [...before, ...behind].some((dim) => dim !== 1))
    e.refuse('gives something else than one result for each item of a batch');
  const x = { ...given, dims: given.dims.slice(batch) };
  const places = e.places(e.dims().slice(behind.length));
  if (product(places) !== product(e.places(x.dims))) e.refuse('mixes the items of a batch');
  return { ...reshaped(e, x, places), dims: e.dims() };
}

function transpose(e: LayerEmission): LayerValue {
  const order = e.numbers('permutation');
  return order[0] === 0 ? permuted(e, e.input(0), order) : e.refuse('moves the batch');
}

function concat(e: LayerEmission): LayerValue {
  const inputs = Array.from({ length: e.count }, (_, i) => e.input(i));
  const axis = e.axis('axis', e.dims().length);
  if (axis === 0) e.refuse('puts items of a batch behind others');
  if (inputs.some(({ dtype }) => dtype !== 'f32')) e.refuse('joins whole numbers');
  // A layer of TensorFlow.js wants two at least.
  if (inputs.length === 1) return inputs[0] as LayerValue;
  const notNegative = inputs.every((value) => value.notNegative);
  return e.layer(e.dims(), { className: 'Concatenate', inputs, config: { axis } }, notNegative);
}

function slice(e: LayerEmission): LayerValue {
  const x = e.input(0);
  const [begin, step] = [e.numbers('begin'), e.numbers('step')];
  const rest = (begin[0] ?? 0) !== 0 || (step[0] ?? 1) !== 1 || e.dims()[0] !== null;
  if (rest) e.refuse('takes some items of a batch');
  return e.places(e.dims()).reduce((value, count, i) => {
    const first = begin[i + 1] ?? 0;
    const by = step[i + 1] ?? 1;
    const places = Array.from({ length: count }, (_, at) => first + at * by);
    return taken(e, value, i + 1, places);
  }, x);
}

/** Of places that are known, such as a new order of channels. */
function take(e: LayerEmission): LayerValue {
  const x = e.input(0);
  const axis = e.axis('axis', x.dims.length);
  if (axis === 0) e.refuse('takes some items of a batch');
  const { tensor } = e.known(1);
  const size = e.places(x.dims)[axis - 1] ?? 1;
  const numbers = Array.from(tensor.data as Int32Array, Number);
  const places = numbers.map((at) => (at < 0 ? at + size : at));
  return reshaped(e, taken(e, x, axis, places), e.places(e.dims()));
}

/** Repeats axes of one element. */
function expand(e: LayerEmission): LayerValue {
  const x = checked(e);
  if (x.dims.length !== e.dims().length) e.refuse('adds axes while it repeats');
  return e.places(e.dims()).reduce((value, to, i) => {
    if (value.dims[i + 1] === to) return value;
    return throughMatrix(e, value, i + 1, { data: new Float32Array(to).fill(1), to });
  }, x);
}

export const shapes: LayerEmitters = { reshape, transpose, concat, slice, take, expand };
