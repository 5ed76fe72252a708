import type { LayerValue } from '../keras-layer.ts';
import type { EmitLayers, LayerEmission, LayerEmitters } from '../layer-emission.ts';
import { permuted, product, reshaped, scaled, throughMatrix } from './parts.ts';

/**
 * Over any axes behind the batch: they are laid before the others, as the steps of a sequence, which Keras has layers for.
 */
function reduced(e: LayerEmission, x: LayerValue, kind: 'Average' | 'Max'): LayerValue {
  const rank = x.dims.length;
  const places = e.places(x.dims);
  const given = e.numbers('axes').map((axis) => (axis < 0 ? axis + rank : axis));
  const axes = given.toSorted((a, b) => a - b);
  if (axes.length === 0 || axes.includes(0)) e.refuse('goes over the items of a batch');
  const kept = x.dims.map((_, axis) => axis).filter((axis) => axis > 0 && !axes.includes(axis));
  const size = (of: readonly number[]) => product(of.map((axis) => places[axis - 1] ?? 1));
  const config = { data_format: 'channels_last' };
  let y: LayerValue;
  if (rank === 4 && axes.join() === '1,2') {
    const layer = { className: `Global${kind}Pooling2D`, inputs: [x], config };
    y = e.layer([null, places[2] ?? 1], layer, x.notNegative);
  } else {
    const front = permuted(e, x, [0, ...axes, ...kept]);
    const steps = reshaped(e, front, [size(axes), size(kept)]);
    const layer = { className: `Global${kind}Pooling1D`, inputs: [steps], config: {} };
    y = e.layer([null, size(kept)], layer, x.notNegative);
  }
  return reshaped(e, y, e.places(e.dims()));
}

function checked(e: LayerEmission): LayerValue {
  const x = e.input(0);
  return x.dtype === 'f32' ? x : e.refuse(`computes with ${x.dtype}, TensorFlow.js with f32`);
}

function sum(e: LayerEmission): LayerValue {
  const x = checked(e);
  const axes = e.numbers('axes').map((axis) => (axis < 0 ? axis + x.dims.length : axis));
  const count = product(axes.map((axis) => Number(x.dims[axis])));
  return scaled(e, reduced(e, x, 'Average'), count);
}

/** Sums of all places up to each one, or of all behind it. */
function cumsum(e: LayerEmission): LayerValue {
  const x = checked(e);
  const axis = e.axis('axis', x.dims.length);
  if (axis === 0) e.refuse('goes over the items of a batch');
  const length = e.places(x.dims)[axis - 1] ?? 1;
  const [reverse, exclusive] = [e.flag('reverse'), e.flag('exclusive')];
  const data = Float32Array.from({ length: length * length }, (_, i) => {
    const [from, to] = [Math.floor(i / length), i % length];
    const distance = reverse ? from - to : to - from;
    return distance > 0 || (distance === 0 && !exclusive) ? 1 : 0;
  });
  return throughMatrix(e, x, axis, { data, to: length });
}

export const reductions: LayerEmitters = {
  mean: (e) => reduced(e, checked(e), 'Average'),
  sum,
  max: (e) => reduced(e, checked(e), 'Max'),
  min: (e) => scaled(e, reduced(e, scaled(e, checked(e), -1), 'Max'), -1),
  cumsum,
} satisfies Record<string, EmitLayers>;
