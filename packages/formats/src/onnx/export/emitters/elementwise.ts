import type { Emission, Emit, Emitters } from '../emission.ts';
import type { Attributes } from '../graph-writer.ts';
import { dataTypeOf, Float } from '../graph-writer.ts';
import { aligned } from './aligned.ts';

/** A function of one value, in whichever order that lies. */
function each(make: (emission: Emission, x: string) => string): Emit {
  return (emission) => {
    const { order } = emission.input(0);
    return emission.result(make(emission, emission.at(0, order)), order);
  };
}

function named(opType: string, attributes: Attributes = {}): Emit {
  return each((emission, x) => emission.node(opType, [x], attributes));
}

function broadcast(make: (emission: Emission, names: readonly string[]) => string): Emit {
  return (emission) => {
    const { names, order } = aligned(emission);
    return emission.result(make(emission, names), order);
  };
}

function pairwise(opType: string): Emit {
  return broadcast((emission, names) => emission.node(opType, names));
}

function plus(emission: Emission, x: string, number: number): string {
  return emission.node('Add', [x, emission.writer.scalar(number)]);
}

function times(emission: Emission, x: string, number: number): string {
  return emission.node('Mul', [x, emission.writer.scalar(number)]);
}

function clipped(emission: Emission, x: string, low: number, high: number): string {
  return emission.node('Clip', [x, emission.writer.scalar(low), emission.writer.scalar(high)]);
}

/** x times the normal distribution's cumulative function. */
function gelu(emission: Emission, x: string): string {
  const part = emission.node('Erf', [times(emission, x, Math.SQRT1_2)]);
  return emission.node('Mul', [times(emission, x, 0.5), plus(emission, part, 1)]);
}

function geluTanh(emission: Emission, x: string): string {
  const cube = emission.node('Mul', [emission.node('Mul', [x, x]), x]);
  const inner = emission.node('Add', [x, times(emission, cube, 0.044715)]);
  const part = emission.node('Tanh', [times(emission, inner, Math.sqrt(2 / Math.PI))]);
  return emission.node('Mul', [times(emission, x, 0.5), plus(emission, part, 1)]);
}

/** The remainder with the sign of b, which ONNX's Mod has for integers only. */
function floorMod(emission: Emission, [a = '', b = '']: readonly string[]): string {
  if (emission.input(0).dtype !== 'f32') return emission.node('Mod', [a, b]);
  const times = emission.node('Floor', [emission.node('Div', [a, b])]);
  return emission.node('Sub', [a, emission.node('Mul', [times, b])]);
}

/** ONNX compares no booleans by size. */
function compared(opType: string): Emit {
  return broadcast((emission, names) => {
    if (emission.input(0).dtype !== 'bool') return emission.node(opType, names);
    const numbers = names.map((name) => emission.node('Cast', [name], { to: dataTypeOf.i32 }));
    return emission.node(opType, numbers);
  });
}

const pass: Emit = (emission) => emission.input(0);

export const elementwise: Emitters = {
  add: pairwise('Add'),
  sub: pairwise('Sub'),
  mul: pairwise('Mul'),
  div: pairwise('Div'),
  pow: pairwise('Pow'),
  maximum: pairwise('Max'),
  minimum: pairwise('Min'),
  floor_mod: broadcast(floorMod),
  equal: pairwise('Equal'),
  not_equal: broadcast((e, names) => e.node('Not', [e.node('Equal', names)])),
  less: compared('Less'),
  less_equal: compared('LessOrEqual'),
  greater: compared('Greater'),
  greater_equal: compared('GreaterOrEqual'),
  logical_and: pairwise('And'),
  logical_or: pairwise('Or'),
  logical_xor: pairwise('Xor'),
  logical_not: named('Not'),
  where: pairwise('Where'),
  cast: each((e, x) => e.node('Cast', [x], { to: dataTypeOf[e.outputs[0]?.dtype ?? 'f32'] })),
  stop_gradient: pass,
  custom_gradient: pass,
  barrier: pass,
  recompute: (emission) => emission.outputs.map((_, i) => emission.input(i)),
  dropout: pass,
  abs: named('Abs'),
  neg: named('Neg'),
  sign: named('Sign'),
  exp: named('Exp'),
  expm1: each((e, x) => plus(e, e.node('Exp', [x]), -1)),
  log: named('Log'),
  log1p: each((e, x) => e.node('Log', [plus(e, x, 1)])),
  sqrt: named('Sqrt'),
  rsqrt: each((e, x) => e.node('Reciprocal', [e.node('Sqrt', [x])])),
  reciprocal: named('Reciprocal'),
  square: each((e, x) => e.node('Mul', [x, x])),
  floor: named('Floor'),
  ceil: named('Ceil'),
  round: named('Round'),
  trunc: each((e, x) =>
    e.node('Mul', [e.node('Sign', [x]), e.node('Floor', [e.node('Abs', [x])])]),
  ),
  erf: named('Erf'),
  sin: named('Sin'),
  cos: named('Cos'),
  tan: named('Tan'),
  is_nan: named('IsNaN'),
  is_finite: each((e, x) => {
    const wild = e.node('Or', [e.node('IsNaN', [x]), e.node('IsInf', [x])]);
    return e.node('Not', [wild]);
  }),
  tanh: named('Tanh'),
  sigmoid: named('Sigmoid'),
  relu: named('Relu'),
  relu6: each((e, x) => clipped(e, x, 0, 6)),
  clamp: each((e, x) => clipped(e, x, e.number('low'), e.number('high'))),
  leaky_relu: each((e, x) => e.node('LeakyRelu', [x], { alpha: new Float(e.number('slope')) })),
  elu: each((e, x) => e.node('Elu', [x], { alpha: new Float(e.number('alpha')) })),
  hard_sigmoid: named('HardSigmoid', { alpha: new Float(1 / 6), beta: new Float(0.5) }),
  hard_swish: named('HardSwish'),
  silu: each((e, x) => e.node('Mul', [x, e.node('Sigmoid', [x])])),
  softplus: named('Softplus'),
  gelu: each(gelu),
  gelu_tanh: each(geluTanh),
};
