import type { DType } from '@vanda/engine';
import type { Call } from '../call.ts';
import type { OnnxDim } from '../dims.ts';
import { OpenDim } from '../dims.ts';
import { dtypeOfData } from '../tensor-data.ts';
import type { Known } from '../value.ts';
import { dtypeOf, known } from '../value.ts';
import { at, broadcastDims, broadcastPlace, built } from './known-tensor.ts';

type Fold = (call: Call, inputs: readonly Known[]) => Known;

/** Two numbers; what the batch gives with a number, where that is known although the batch is not. */
interface Arithmetic {
  readonly numbers: (a: number, b: number, whole: boolean) => number;
  readonly open?: (a: OnnxDim, b: OnnxDim) => OnnxDim | undefined;
  readonly dtype?: DType;
}

const times = (dim: OnnxDim) => (typeof dim === 'number' ? dim : dim.times);

function product(a: OnnxDim, b: OnnxDim): OnnxDim | undefined {
  if (a instanceof OpenDim && b instanceof OpenDim) return undefined;
  const count = times(a) * times(b);
  return count > 0 && Number.isInteger(count) ? new OpenDim(count) : count === 0 ? 0 : undefined;
}

function quotient(a: OnnxDim, b: OnnxDim): OnnxDim | undefined {
  const count = times(a) / times(b);
  if (!(a instanceof OpenDim) || !Number.isInteger(count) || count <= 0) return undefined;
  return b instanceof OpenDim ? count : new OpenDim(count);
}

/** The batch is at least 1, so no number below that equals it. */
function never(a: OnnxDim, b: OnnxDim): number | undefined {
  if (a instanceof OpenDim && b instanceof OpenDim) return a.times === b.times ? 1 : undefined;
  return Math.min(times(a), times(b)) < 1 ? 0 : undefined;
}

/** Integers are cut towards zero, as in C. */
const arithmetic: Record<string, Arithmetic> = {
  Add: {
    numbers: (a, b) => a + b,
    open: (a, b) => (a === 0 ? b : b === 0 ? a : undefined),
  },
  Sub: {
    numbers: (a, b) => a - b,
    open: (a, b) => (b === 0 ? a : never(a, b) === 1 ? 0 : undefined),
  },
  Mul: { numbers: (a, b) => a * b, open: product },
  Div: { numbers: (a, b, whole) => (whole ? Math.trunc(a / b) : a / b), open: quotient },
  Mod: { numbers: (a, b) => a - Math.floor(a / b) * b },
  Pow: { numbers: (a, b) => a ** b },
  Min: { numbers: (a, b) => Math.min(a, b) },
  Max: {
    numbers: (a, b) => Math.max(a, b),
    open: (a, b) => (times(a) <= 1 ? b : times(b) <= 1 ? a : undefined),
  },
  Equal: { numbers: (a, b) => Number(a === b), open: never, dtype: 'bool' },
  Less: { numbers: (a, b) => Number(a < b), dtype: 'bool' },
  LessOrEqual: { numbers: (a, b) => Number(a <= b), dtype: 'bool' },
  Greater: { numbers: (a, b) => Number(a > b), dtype: 'bool' },
  GreaterOrEqual: { numbers: (a, b) => Number(a >= b), dtype: 'bool' },
  And: { numbers: (a, b) => Number(a !== 0 && b !== 0) },
  Or: { numbers: (a, b) => Number(a !== 0 || b !== 0) },
};

/** Those of two inputs; Min and Max take any number. */
export const binaryNames = Object.keys(arithmetic).filter((name) => !/^M(in|ax)$/.test(name));

const functions: Record<string, (x: number) => number> = {
  Abs: Math.abs,
  Neg: (x) => -x,
  Sqrt: Math.sqrt,
  Reciprocal: (x) => 1 / x,
  Floor: Math.floor,
  Ceil: Math.ceil,
  Exp: Math.exp,
  Log: Math.log,
  Not: (x) => Number(x === 0),
};

function binary({ numbers, open, dtype }: Arithmetic): Fold {
  return (call, inputs) => {
    const dims = broadcastDims(call, inputs);
    const whole = inputs[0]?.dtype !== 'f32';
    const element = (a: OnnxDim, b: OnnxDim): OnnxDim => {
      if (typeof a === 'number' && typeof b === 'number') return numbers(a, b, whole);
      return (
        open?.(a, b) ??
        call.refuse('computes with the size of the open batch; give that dim a number')
      );
    };
    const [first, ...more] = inputs as [Known, ...Known[]];
    call.attributes.ignore('fmod');
    return more.reduce((sum, next) => {
      const kind = dtype ?? first.dtype;
      return built(call, kind, dims, (place) =>
        element(
          at(sum, broadcastPlace(sum.dims, place)),
          at(next, broadcastPlace(next.dims, place)),
        ),
      );
    }, first);
  };
}

function unary(make: (x: number) => number): Fold {
  return (call, [x]) => {
    const { dtype, dims, data } = x as Known;
    const mapped = data.map((element) =>
      typeof element === 'number' ? make(element) : call.refuse('computes with the open batch'),
    );
    return known(dtype, dims, mapped);
  };
}

function where(call: Call, inputs: readonly Known[]): Known {
  const [condition, a, b] = inputs as [Known, Known, Known];
  return built(call, a.dtype, broadcastDims(call, inputs), (place) => {
    const chosen = at(condition, broadcastPlace(condition.dims, place)) === 0 ? b : a;
    return at(chosen, broadcastPlace(chosen.dims, place));
  });
}

function castTo(dtype: DType, x: Known): Known {
  const convert = (element: OnnxDim): OnnxDim => {
    if (typeof element !== 'number') return element;
    if (dtype === 'f32') return element;
    return dtype === 'bool' ? Number(element !== 0) : Math.trunc(element);
  };
  return known(dtype, x.dims, x.data.map(convert));
}

export const arithmeticFolds: Record<string, Fold> = {
  ...Object.fromEntries(Object.entries(arithmetic).map(([name, of]) => [name, binary(of)])),
  ...Object.fromEntries(Object.entries(functions).map(([name, of]) => [name, unary(of)])),
  Where: where,
  Cast: (call, [x]) => {
    call.attributes.ignore('saturate');
    return castTo(dtypeOfData(call.attributes.int('to'), `${call.where}.to`), x as Known);
  },
  CastLike: (call, [x]) => castTo(dtypeOf(call.input(1)), x as Known),
  Identity: (_, [x]) => x as Known,
};
