import type { Dim } from '@vanda/engine';
import type { LayerValue } from '../keras-layer.ts';
import type { EmitLayers, LayerEmission, LayerEmitters } from '../layer-emission.ts';
import { activation, affine, product, reshaped, sameDims, scaled } from './parts.ts';

/** A merging layer of Keras: dims of one element are repeated, and all inputs have as many. */
export function merged(e: LayerEmission, className: string, values: LayerValue[]): LayerValue {
  const dims = e.dims();
  for (const value of values) {
    if (value.dtype !== 'f32') e.refuse(`computes with ${value.dtype}, TensorFlow.js with f32`);
    if (value.dims.length !== dims.length)
      e.refuse('takes values of different numbers of axes that both change with the inputs');
  }
  const notNegative =
    className === 'Maximum'
      ? values.some((value) => value.notNegative)
      : values.every((value) => value.notNegative);
  return e.layer(dims, { className, inputs: values }, notNegative);
}

/** One number, one for each of the last axis, or one for each number of an item: which of them an operand is. */
function spread(e: LayerEmission, index: number, dims: readonly Dim[]): Float64Array {
  const { data, shape } = e.numbersOf(index);
  const axes = shape.length;
  if (data.length === 1) return Float64Array.from(data);
  if (shape.slice(0, -1).every((dim) => dim === 1) && shape.at(-1) === dims.at(-1))
    return Float64Array.from(data);
  const own = [...new Array<number>(Math.max(0, dims.length - axes)).fill(1), ...shape];
  const places = e.places(dims);
  const fits = own.length === dims.length && own[0] === 1;
  if (!fits || places.some((place, i) => own[i + 1] !== place && own[i + 1] !== 1))
    e.refuse(`its input ${index} of [${shape.join(', ')}] is no number for each place of an item`);
  const steps = own.map((dim, axis) => (dim === 1 ? 0 : product(own.slice(axis + 1))));
  return Float64Array.from({ length: product(places) }, (_, i) => {
    let left = i;
    let at = 0;
    for (let axis = places.length; axis >= 1; axis -= 1) {
      const place = places[axis - 1] ?? 1;
      at += (left % place) * (steps[axis] ?? 0);
      left = Math.floor(left / place);
    }
    return data[at] ?? 0;
  });
}

/** factor x + shift where one of them is known: for each number of an item, it is laid out flat for a while. */
export function shifted(
  e: LayerEmission,
  x: LayerValue,
  factor: Float64Array,
  shift: Float64Array,
): LayerValue {
  if (x.dtype !== 'f32') return e.refuse(`computes with ${x.dtype}, TensorFlow.js with f32`);
  const most = Math.max(factor.length, shift.length);
  if (most === 1 || most === x.dims.at(-1)) return affine(e, x, factor, shift);
  const places = e.places(x.dims);
  const flat = reshaped(e, x, [product(places)]);
  return reshaped(e, affine(e, flat, factor, shift), places);
}

interface Sides {
  readonly x: LayerValue;
  readonly known: Float64Array;
  /** The known operand is the first. */
  readonly swapped: boolean;
}

/** The operand that changes and the one that is known; undefined where both change. */
function sides(e: LayerEmission): Sides | undefined {
  const swapped = e.operand(0).fixed !== undefined;
  if (!swapped && !e.operand(1).fixed) return undefined;
  const x = e.input(swapped ? 1 : 0);
  if (!sameDims(x.dims, e.dims())) e.refuse('repeats its input along what is known');
  return { x, known: spread(e, swapped ? 0 : 1, x.dims), swapped };
}

const one = Float64Array.of(1);
const none = Float64Array.of(0);

function add(e: LayerEmission): LayerValue {
  const of = sides(e);
  return of ? shifted(e, of.x, one, of.known) : merged(e, 'Add', [e.input(0), e.input(1)]);
}

function sub(e: LayerEmission): LayerValue {
  const of = sides(e);
  if (!of) return merged(e, 'Add', [e.input(0), scaled(e, e.input(1), -1)]);
  if (of.swapped) return shifted(e, of.x, Float64Array.of(-1), of.known);
  return shifted(
    e,
    of.x,
    one,
    of.known.map((number) => -number),
  );
}

function mul(e: LayerEmission): LayerValue {
  const gelu = composedGelu(e);
  if (gelu) return gelu;
  const of = sides(e);
  if (!of) return merged(e, 'Multiply', [e.input(0), e.input(1)]);
  return shifted(e, of.x, of.known, none);
}

function div(e: LayerEmission): LayerValue {
  const sign = softsigned(e);
  if (sign) return activation(e, sign, 'softsign');
  const of = sides(e);
  if (!of || of.swapped) return e.refuse('divides by what changes with the inputs');
  return shifted(
    e,
    of.x,
    of.known.map((number) => 1 / number),
    none,
  );
}

/** x of x / (|x| + 1), as the activation is composed. */
function softsigned(e: LayerEmission): LayerValue | undefined {
  const [x, below] = e.references;
  const sum = e.makerOf(below);
  if (sum?.op !== 'add') return undefined;
  const place = e.numberAt(sum.inputs[0]) === 1 ? 1 : 0;
  if (e.numberAt(sum.inputs[1 - place]) !== 1) return undefined;
  const size = e.makerOf(sum.inputs[place]);
  return size?.op === 'abs' && e.same(size.inputs[0], x) ? e.input(0) : undefined;
}

/** x (erf(x / sqrt(2)) + 1) and a number of times it, as exporters compose it: 2 gelu(x). */
function composedGelu(e: LayerEmission): LayerValue | undefined {
  for (const place of [0, 1]) {
    const x = e.references[place];
    const other = e.references[1 - place];
    const scaledBy = numberIn(e, 'mul', other);
    const sum = numberIn(e, 'add', scaledBy ? scaledBy.other : other);
    const erf = sum?.number === 1 ? e.makerOf(sum.other) : undefined;
    if (erf?.op !== 'erf') continue;
    const [inner] = erf.inputs;
    const divided = e.makerOf(inner)?.op === 'div' && numberIn(e, 'div', inner);
    const part = divided
      ? { number: 1 / divided.number, other: divided.other }
      : numberIn(e, 'mul', inner);
    if (!part || !e.same(part.other, x) || Math.abs(part.number - Math.SQRT1_2) > 1e-6) continue;
    return scaled(e, activation(e, e.input(place), 'gelu'), 2 * (scaledBy?.number ?? 1));
  }
  return undefined;
}

/** The known number of an operation of two operands, and the other one. */
function numberIn(e: LayerEmission, op: string, reference: Parameters<typeof e.makerOf>[0]) {
  const maker = e.makerOf(reference);
  if (maker?.op !== op) return undefined;
  for (const place of op === 'div' ? [1] : [0, 1]) {
    const number = e.numberAt(maker.inputs[place]);
    const other = maker.inputs[1 - place];
    if (number !== undefined && other) return { number, other };
  }
  return undefined;
}

/** With a known operand: relu(x - c) + c, and c - relu(c - x). */
function extreme(className: 'Maximum' | 'Minimum'): EmitLayers {
  return (e) => {
    const of = sides(e);
    if (!of) return merged(e, className, [e.input(0), e.input(1)]);
    const { x, known } = of;
    const away = known.map((number) => -number);
    if (className === 'Maximum')
      return shifted(e, activation(e, shifted(e, x, one, away), 'relu'), one, known);
    const back = Float64Array.of(-1);
    return shifted(e, activation(e, shifted(e, x, back, known), 'relu'), back, known);
  };
}

function pow(e: LayerEmission): LayerValue {
  if (e.numberAt(e.references[1]) !== 2) e.refuse('only squares can be said by layers');
  return merged(e, 'Multiply', [e.input(0), e.input(0)]);
}

export const arithmetic: LayerEmitters = {
  add,
  sub,
  mul,
  div,
  pow,
  maximum: extreme('Maximum'),
  minimum: extreme('Minimum'),
  neg: (e) => shifted(e, e.input(0), Float64Array.of(-1), none),
  square: (e) => merged(e, 'Multiply', [e.input(0), e.input(0)]),
  abs: (e) => merged(e, 'Maximum', [e.input(0), scaled(e, e.input(0), -1)]),
};
