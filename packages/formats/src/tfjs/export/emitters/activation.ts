import type { LayerValue } from '../keras-layer.ts';
import type { EmitLayers, LayerEmission, LayerEmitters } from '../layer-emission.ts';
import { merged } from './arithmetic.ts';
import { activation, permuted, scaled } from './parts.ts';

function named(name: string): EmitLayers {
  return (e) => activation(e, e.input(0), name);
}

function withConfig(className: string, config: (e: LayerEmission) => object): EmitLayers {
  return (e) => {
    const x = e.input(0);
    return e.layer(x.dims, { className, inputs: [x], config: { ...config(e) } });
  };
}

/** TensorFlow.js has it for an alpha of 1; for another it is (1 - alpha) relu(x) + alpha elu(x). */
function elu(e: LayerEmission): LayerValue {
  const x = e.input(0);
  const alpha = e.number('alpha');
  const y = activation(e, x, 'elu');
  if (alpha === 1) return y;
  return merged(e, 'Add', [scaled(e, activation(e, x, 'relu'), 1 - alpha), scaled(e, y, alpha)]);
}

/** x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2: the name that TensorFlow.js has for it, it does not find in files. */
function geluTanh(e: LayerEmission): LayerValue {
  const x = e.input(0);
  const cube = scaled(e, merged(e, 'Multiply', [x, x, x]), 0.044715);
  const inner = scaled(e, merged(e, 'Add', [x, cube]), Math.sqrt(2 / Math.PI));
  return merged(e, 'Multiply', [x, scaled(e, activation(e, inner, 'tanh'), 0.5, 0.5)]);
}

/** relu6(x + 3) / 6; what Keras 2 calls by that name has another slope. */
function hardSigmoid(e: LayerEmission, x: LayerValue): LayerValue {
  return scaled(e, activation(e, scaled(e, x, 1, 3), 'relu6'), 1 / 6);
}

function clamp(e: LayerEmission): LayerValue {
  const [low, high] = [e.number('low'), e.number('high')];
  const x = e.input(0);
  const above = low === 0 ? x : scaled(e, x, 1, -low);
  const config = { max_value: high - low };
  const cut = e.layer(x.dims, { className: 'ReLU', inputs: [above], config }, true);
  return low === 0 ? cut : scaled(e, cut, 1, low);
}

function softmax(name: string): EmitLayers {
  return (e) => {
    const x = e.input(0);
    const axis = e.axis('axis', x.dims.length);
    if (axis === 0) e.refuse('goes over the items of a batch');
    if (axis === x.dims.length - 1) return activation(e, x, name);
    const last = x.dims.length - 1;
    const order = x.dims.map((_, at) => (at === axis ? last : at === last ? axis : at));
    return permuted(e, activation(e, permuted(e, x, order), name), order);
  };
}

/** where(x > 0, x, slope x) with a learned slope, as the engine composes it. */
function prelu(e: LayerEmission): LayerValue {
  const [above, x, below] = e.references;
  const test = e.makerOf(above);
  const product = e.makerOf(below);
  const isSlope =
    test?.op === 'greater' &&
    e.same(test.inputs[0], x) &&
    e.numberAt(test.inputs[1]) === 0 &&
    product?.op === 'mul';
  if (!isSlope || !x || !product) return e.refuse('chooses between values');
  const place = e.same(product.inputs[0], x) ? 0 : 1;
  const slope = product.inputs[1 - place];
  if (!e.same(product.inputs[place], x) || !slope) return e.refuse('chooses between values');
  const { fixed } = e.valueOf(slope);
  const value = e.valueOf(x);
  const channels = Number(value.dims.at(-1));
  const data = fixed?.tensor.data as Float32Array | undefined;
  const flat = fixed?.tensor.shape.slice(0, -1).every((dim) => dim === 1);
  if (!data || !flat || (data.length !== 1 && data.length !== channels))
    return e.refuse('has slopes that are not one for each channel');
  const alpha = data.length === 1 ? new Float32Array(channels).fill(data[0] ?? 0) : data;
  const shared = value.dims.slice(1, -1).map((_, i) => i + 1);
  const shape = [...shared.map(() => 1), channels];
  return e.layer(value.dims, {
    className: 'PReLU',
    inputs: [value],
    config: { shared_axes: shared.length > 0 ? shared : null },
    weights: { alpha: { dtype: 'f32', shape, data: alpha } },
  });
}

/** To f32 from the whole numbers of an input, and back where they only are numbers of rows. */
function cast(e: LayerEmission): LayerValue {
  const x = e.input(0);
  const to = e.outputs[0]?.dtype;
  if (to === x.dtype) return x;
  if (to === 'f32') {
    if (x.uncut) e.refuse('cuts numbers to whole ones, which no layer does');
    return e.layer(x.dims, cast32(x), x.notNegative);
  }
  const whole = to === 'i32' || to === 'i64';
  if (!whole) return e.refuse(`gives ${to}, which TensorFlow.js does not compute with`);
  return { ...x, dtype: to, uncut: x.uncut || x.dtype === 'f32' };
}

/** Rescaling begins with a cast. */
function cast32(x: LayerValue) {
  const numbers = { factor: Float64Array.of(1), shift: Float64Array.of(0) };
  return { className: 'Affine', inputs: [x], affine: numbers };
}

const pass: EmitLayers = (e) => e.input(0);

export const activations: LayerEmitters = {
  relu: named('relu'),
  relu6: named('relu6'),
  sigmoid: named('sigmoid'),
  tanh: named('tanh'),
  softplus: named('softplus'),
  silu: named('swish'),
  gelu: named('gelu'),
  gelu_tanh: geluTanh,
  leaky_relu: withConfig('LeakyReLU', (e) => ({ alpha: e.number('slope') })),
  elu,
  hard_sigmoid: (e) => hardSigmoid(e, e.input(0)),
  hard_swish: (e) => merged(e, 'Multiply', [e.input(0), hardSigmoid(e, e.input(0))]),
  clamp,
  softmax: softmax('softmax'),
  log_softmax: softmax('log_softmax'),
  where: prelu,
  cast,
  stop_gradient: pass,
  custom_gradient: pass,
  dropout: pass,
};
