import type { LayerValue } from '../keras-layer.ts';
import type { EmitLayers, LayerEmission, LayerEmitters } from '../layer-emission.ts';
import { shifted } from './arithmetic.ts';
import type { Window } from './border.ts';
import { bordered, paddedPicture, windowOf } from './border.ts';
import { throughMatrix } from './parts.ts';
import { sliced } from './slice.ts';

function pool(
  e: LayerEmission,
  className: string,
  x: LayerValue,
  { size, stride }: Window,
  padding: string,
) {
  const config = { pool_size: size, strides: stride, padding, data_format: 'channels_last' };
  return e.layer(e.dims(), { className, inputs: [x], config }, x.notNegative);
}

function maxPool(e: LayerEmission): LayerValue {
  const x = e.input(0);
  const window = windowOf(e, e.numbers('size'));
  if (e.numbers('dilation').some((step) => step !== 1)) e.refuse('has dilation');
  if (x.notNegative || window.same) {
    const { value, padding } = paddedPicture(e, x, window, 0);
    return pool(e, 'MaxPooling2D', value, window, padding);
  }
  // Beside numbers below 0 zeros would win: a border of the outermost rows changes no greatest number.
  const [top = 0, bottom = 0, left = 0, right = 0] = window.pads;
  if (
    Math.max(top, bottom) >= (window.size[0] ?? 1) ||
    Math.max(left, right) >= (window.size[1] ?? 1)
  )
    e.refuse('has windows that lie in the border alone');
  const high = repeatedEdge(e, x, 1, top, bottom);
  return pool(e, 'MaxPooling2D', repeatedEdge(e, high, 2, left, right), window, 'valid');
}

function repeatedEdge(
  e: LayerEmission,
  x: LayerValue,
  axis: 1 | 2,
  before: number,
  after: number,
): LayerValue {
  if (before + after === 0) return x;
  const size = e.places(x.dims)[axis - 1] ?? 1;
  const copies = (count: number, at: number) =>
    count === 0 ? [] : new Array<LayerValue>(count).fill(sliced(e, x, axis, at, at + 1));
  const inputs = [...copies(before, 0), x, ...copies(after, size - 1)];
  const dims = [...x.dims];
  dims[axis] = size + before + after;
  return e.layer(dims, { className: 'Concatenate', inputs, config: { axis } });
}

/** Padding is not counted: what zeros of a border take off is put back, place by place. */
function avgPool(e: LayerEmission): LayerValue {
  const x = e.input(0);
  const window = windowOf(e, e.numbers('size'));
  if (e.numbers('dilation').some((step) => step !== 1)) e.refuse('has dilation');
  const { value, padding } = paddedPicture(e, x, window, 0);
  const y = pool(e, 'AveragePooling2D', value, window, padding);
  if (padding === 'same' || window.pads.every((pad) => pad === 0)) return y;
  const [high = 1, wide = 1] = e.places(x.dims);
  const [rows = 1, columns = 1, channels = 1] = e.places(e.dims());
  const down = shares(rows, high, window, 0);
  const across = shares(columns, wide, window, 1);
  const factor = Float64Array.from({ length: rows * columns * channels }, (_, i) => {
    const place = Math.floor(i / channels);
    return (down[Math.floor(place / columns)] ?? 1) * (across[place % columns] ?? 1);
  });
  return shifted(e, y, factor, Float64Array.of(0));
}

/** For each place the size of the window by how much of it lies in the picture. */
function shares(places: number, length: number, { size, stride, pads }: Window, axis: number) {
  const reach = size[axis] ?? 1;
  return Array.from({ length: places }, (_, place) => {
    const begin = place * (stride[axis] ?? 1) - (pads[2 * axis] ?? 0);
    return reach / (Math.min(length, begin + reach) - Math.max(0, begin));
  });
}

/** Nearest and a whole number of times larger is a layer; anything else is a sum along each axis by a matrix. */
function resize(e: LayerEmission): LayerValue {
  const x = e.input(0);
  const [high = 1, wide = 1] = e.places(x.dims);
  const [rows = 1, columns = 1] = e.numbers('size');
  const nearest = e.text('method') === 'nearest';
  const corners = e.flag('alignCorners');
  if (nearest && !corners && rows % high === 0 && columns % wide === 0) {
    const config = {
      size: [rows / high, columns / wide],
      data_format: 'channels_last',
      interpolation: 'nearest',
    };
    const layer = { className: 'UpSampling2D', inputs: [x], config };
    return e.layer(e.dims(), layer, x.notNegative);
  }
  const how = { nearest, corners };
  const down = throughMatrix(e, x, 1, { data: resizing(high, rows, how), to: rows });
  return throughMatrix(e, down, 2, { data: resizing(wide, columns, how), to: columns });
}

/** [from, to]: how much of each place goes into each place of the result, as the engine resizes. */
function resizing(
  from: number,
  to: number,
  { nearest, corners }: { nearest: boolean; corners: boolean },
): Float32Array {
  const matrix = new Float32Array(from * to);
  for (let place = 0; place < to; place += 1) {
    const half = ((place + 0.5) * from) / to - 0.5;
    const at = corners ? (to === 1 ? 0 : (place * (from - 1)) / (to - 1)) : half;
    const inside = Math.min(from - 1, Math.max(0, at));
    const low = nearest ? Math.min(from - 1, Math.floor(inside + 0.5)) : Math.floor(inside);
    const share = nearest ? 0 : inside - low;
    const add = (row: number, value: number) => {
      matrix[row * to + place] = (matrix[row * to + place] ?? 0) + value;
    };
    add(low, 1 - share);
    if (share > 0) add(Math.min(from - 1, low + 1), share);
  }
  return matrix;
}

function pad(e: LayerEmission): LayerValue {
  const [before, after] = [e.numbers('before'), e.numbers('after')];
  const x = e.input(0);
  if ((before[0] ?? 0) + (after[0] ?? 0) > 0) e.refuse('adds items to a batch');
  const beside = (axis: number) => [before[axis] ?? 0, after[axis] ?? 0];
  if (x.dims.length === 4 && beside(3).every((n) => n === 0))
    return bordered(e, x, [...beside(1), ...beside(2)], e.number('value'));
  if (e.number('value') !== 0) e.refuse('has a border that is not zero');
  return e.places(x.dims).reduce((value, place, i) => {
    const [front = 0, back = 0] = beside(i + 1);
    if (front + back === 0) return value;
    const to = place + front + back;
    const data = new Float32Array(place * to);
    for (let at = 0; at < place; at += 1) data[at * to + at + front] = 1;
    return throughMatrix(e, value, i + 1, { data, to });
  }, x);
}

export const pictures: LayerEmitters = {
  max_pool2d: maxPool,
  avg_pool2d: avgPool,
  resize2d: resize,
  pad,
} satisfies Record<string, EmitLayers>;
