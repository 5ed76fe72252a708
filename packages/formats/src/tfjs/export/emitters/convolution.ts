import type { Tensor } from '@vanda/engine';
import type { LayerValue } from '../keras-layer.ts';
import type { LayerEmission, LayerEmitters } from '../layer-emission.ts';
import { paddedPicture, windowOf } from './border.ts';
import { activation, zeros } from './parts.ts';
import { sliced } from './slice.ts';

function f32(shape: readonly number[], data: Float32Array): Tensor {
  return { dtype: 'f32', shape, data };
}

/** Kernels are [KH, KW, C / groups, O] in both. */
function convolution(e: LayerEmission): LayerValue {
  const x = e.input(0);
  // What the compiler alone joins to a convolution.
  if (e.count > 3 || e.text('activation') === 'clamp')
    e.refuse('has a sum or a clamp joined to it');
  const { data, shape, name } = e.numbersOf(1);
  const [high = 1, wide = 1, each = 1, filters = 1] = shape;
  const window = windowOf(e, [high, wide]);
  const groups = e.number('groups');
  const bias = e.count > 2 ? e.numbersOf(2).data : undefined;
  if (Math.max(...window.stride) > 1 && Math.max(...window.dilation) > 1)
    e.refuse('strides and dilation together are not what TensorFlow.js has');
  const { value, padding } = paddedPicture(e, x, window, 0);
  const config = {
    kernel_size: [high, wide],
    strides: window.stride,
    padding,
    data_format: 'channels_last',
    dilation_rate: window.dilation,
    activation: 'linear',
    use_bias: bias !== undefined,
  };
  const layerName = name.replace(/\/[^/]*$/, '');
  const withBias = (part: Float32Array | undefined) =>
    part ? { bias: f32([part.length], part) } : ({} as Record<string, Tensor>);
  let y: LayerValue;
  if (groups === 1) {
    y = e.layer(e.dims(), {
      className: 'Conv2D',
      inputs: [value],
      name: layerName,
      config: { ...config, filters, kernel_initializer: zeros },
      weights: { kernel: f32(shape, data), ...withBias(bias) },
    });
  } else if (each === 1) {
    const depthwise = f32([high, wide, groups, filters / groups], data);
    y = e.layer(e.dims(), {
      className: 'DepthwiseConv2D',
      inputs: [value],
      name: layerName,
      config: { ...config, depth_multiplier: filters / groups, depthwise_initializer: zeros },
      weights: { depthwise_kernel: depthwise, ...withBias(bias) },
    });
  } else {
    // TensorFlow.js has no groups: a convolution for each of them.
    const units = filters / groups;
    const parts = Array.from({ length: groups }, (_, group) => {
      const part = sliced(e, value, 3, group * each, (group + 1) * each);
      const kernel = new Float32Array(high * wide * each * units);
      for (let row = 0; row < kernel.length / units; row += 1) {
        const from = row * filters + group * units;
        kernel.set(data.subarray(from, from + units), row * units);
      }
      const own = bias?.slice(group * units, (group + 1) * units);
      return e.layer([...e.dims().slice(0, 3), units], {
        className: 'Conv2D',
        inputs: [part],
        name: layerName,
        config: { ...config, filters: units, kernel_initializer: zeros },
        weights: { kernel: f32([high, wide, each, units], kernel), ...withBias(own) },
      });
    });
    y = e.layer(e.dims(), { className: 'Concatenate', inputs: parts, config: { axis: -1 } });
  }
  return e.text('activation') === 'relu' ? activation(e, y, 'relu') : y;
}

/**
 * The gradient towards the pictures is Keras' transposed convolution. Keras knows two borders only: for any other, it is
 * made whole and cut.
 */
function transposedConvolution(e: LayerEmission): LayerValue {
  const x = e.input(0);
  const { data, shape, name } = e.numbersOf(1);
  const [high = 1, wide = 1, filters = 1] = shape;
  const stride = e.numbers('stride');
  if (e.number('groups') !== 1 || e.numbers('dilation').some((step) => step !== 1))
    e.refuse('groups and dilation of a transposed convolution are not what TensorFlow.js has');
  const size = e.numbers('size');
  const [height = 1, width = 1] = e.places(x.dims);
  const axes = [height, width].map((places, axis) => {
    const step = stride[axis] ?? 1;
    const reach = [high, wide][axis] ?? 1;
    const pads = e.text('padding') === 'explicit' ? e.numbers('pads') : [];
    const before = pads[2 * axis] ?? 0;
    const target = size[axis] ?? 1;
    const inner = Math.max(0, reach - step);
    return {
      before,
      target,
      full: places * step + inner,
      same: before === Math.floor(inner / 2) && target === places * step,
    };
  });
  if (e.text('padding') === 'same') e.refuse("has the border 'same' without its sizes");
  const same = axes.every((axis) => axis.same);
  const full = same ? axes.map(({ target }) => target) : axes.map((axis) => axis.full);
  const whole = e.layer([null, ...full, filters], {
    className: 'Conv2DTranspose',
    inputs: [x],
    name: name.replace(/\/[^/]*$/, ''),
    config: {
      filters,
      kernel_size: [high, wide],
      strides: stride,
      padding: same ? 'same' : 'valid',
      data_format: 'channels_last',
      activation: 'linear',
      use_bias: false,
      kernel_initializer: zeros,
    },
    weights: { kernel: f32(shape, data) },
  });
  if (same) return whole;
  return axes.reduce((y, { before, target, full: length }, axis) => {
    if (before + target > length)
      e.refuse('adds rows behind the last that a kernel reaches, which TensorFlow.js does not');
    return sliced(e, y, axis + 1, before, before + target);
  }, whole);
}

export const convolutions: LayerEmitters = {
  conv2d: convolution,
  conv2d_grad_input: transposedConvolution,
};
