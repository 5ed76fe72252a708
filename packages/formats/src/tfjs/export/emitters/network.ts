import type { Tensor } from '@vanda/engine';
import { permuted as permutedData } from '../../../onnx/permute.ts';
import type { LayerValue } from '../keras-layer.ts';
import type { LayerEmission, LayerEmitters } from '../layer-emission.ts';
import { activation, affine, denseConfig, permuted, product, reshaped, zeros } from './parts.ts';
import { byHeads, product3d } from './product.ts';

function f32(shape: readonly number[], data: Float32Array): Tensor {
  return { dtype: 'f32', shape, data };
}

function layerName(name: string): string {
  return name.replace(/\/[^/]*$/, '');
}

function dense(e: LayerEmission): LayerValue {
  const x = e.input(0);
  const { data, shape, name } = e.numbersOf(1);
  const bias = e.count > 2 ? e.numbersOf(2).data : undefined;
  const units = shape[1] ?? 1;
  const kernel = f32(shape, data);
  const y = e.layer(e.dims(), {
    className: 'Dense',
    inputs: [x],
    name: layerName(name),
    config: denseConfig(units, bias !== undefined),
    weights: bias ? { kernel, bias: f32([units], bias) } : { kernel },
  });
  return e.text('activation') === 'relu' ? activation(e, y, 'relu') : y;
}

/** By a matrix that is known, or of two sequences of matrices. */
function matmul(e: LayerEmission): LayerValue {
  const [a, b] = [e.operand(0), e.operand(1)];
  const turned = [e.flag('transposeA'), e.flag('transposeB')] as const;
  if (!a.fixed && b.fixed) {
    const { data, shape, name } = e.numbersOf(1);
    if (turned[0] || shape.length !== 2) e.refuse('is no product by one matrix for all items');
    const kernel = turned[1]
      ? f32(shape.toReversed(), permutedData(data, shape, [1, 0]))
      : f32(shape, data);
    return e.layer(e.dims(), {
      className: 'Dense',
      inputs: [a],
      name: layerName(name),
      config: denseConfig(kernel.shape[1] ?? 1, false),
      weights: { kernel },
    });
  }
  if (a.fixed || b.fixed || a.dims.length !== b.dims.length || ![3, 4].includes(a.dims.length))
    e.refuse('is neither a product by a known matrix nor one of matrices of an item');
  return a.dims.length === 3 ? product3d(e, a, b, turned) : byHeads(e, a, b, turned);
}

function embedding(e: LayerEmission): LayerValue {
  const indices = e.input(1);
  const { data, shape, name } = e.numbersOf(0);
  const [rows = 1] = shape;
  const width = data.length / rows;
  const y = e.layer([...indices.dims, width], {
    className: 'Embedding',
    inputs: [indices],
    name: layerName(name),
    config: {
      input_dim: rows,
      output_dim: width,
      mask_zero: false,
      input_length: null,
      embeddings_initializer: zeros,
    },
    weights: { embeddings: f32([rows, width], data) },
  });
  return reshaped(e, y, e.places(e.dims()));
}

function layerNorm(e: LayerEmission): LayerValue {
  const x = e.input(0);
  const [gamma, beta] = [e.numbersOf(1), e.numbersOf(2)];
  return e.layer(x.dims, {
    className: 'LayerNormalization',
    inputs: [x],
    name: layerName(gamma.name),
    config: { axis: -1, epsilon: e.number('epsilon'), center: true, scale: true },
    weights: { gamma: f32(gamma.shape, gamma.data), beta: f32(beta.shape, beta.data) },
  });
}

/** The numbers of each group beside each other, normalised as the last axis, and back. */
function groupNorm(e: LayerEmission): LayerValue {
  const x = e.input(0);
  const groups = e.number('groups');
  const places = e.places(x.dims);
  const channels = places.at(-1) ?? 1;
  const inner = product(places.slice(0, -1));
  const apart = reshaped(e, x, [inner, groups, channels / groups]);
  const together = permuted(e, apart, [0, 2, 1, 3]);
  const size = (inner * channels) / groups;
  const even = e.layer([null, groups, size], {
    className: 'LayerNormalization',
    inputs: [reshaped(e, together, [groups, size])],
    config: { axis: -1, epsilon: e.number('epsilon'), center: true, scale: true },
    weights: {
      gamma: f32([size], new Float32Array(size).fill(1)),
      beta: f32([size], new Float32Array(size)),
    },
  });
  const back = permuted(e, reshaped(e, even, [groups, inner, channels / groups]), [0, 2, 1, 3]);
  return affine(e, reshaped(e, back, places), e.numbersOf(1).data, e.numbersOf(2).data);
}

export const networks: LayerEmitters = {
  dense,
  matmul,
  gather: embedding,
  layer_norm: layerNorm,
  group_norm: groupNorm,
};
