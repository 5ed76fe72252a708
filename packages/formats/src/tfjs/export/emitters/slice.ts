import type { LayerValue } from '../keras-layer.ts';
import type { LayerEmission } from '../layer-emission.ts';
import { product, reshaped, throughMatrix } from './parts.ts';

/** The places begin to end of one axis behind the batch. */
export function sliced(
  e: LayerEmission,
  x: LayerValue,
  axis: number,
  begin: number,
  end: number,
): LayerValue {
  const places = e.places(x.dims);
  const size = places[axis - 1] ?? 1;
  if (begin === 0 && end === size) return x;
  const cut = (value: LayerValue, rows: boolean): LayerValue => {
    const dims = [...value.dims];
    dims[rows ? 1 : 2] = end - begin;
    const sides = [begin, size - end];
    return e.moved(dims, value, {
      className: 'Cropping2D',
      config: {
        cropping: rows ? [sides, [0, 0]] : [[0, 0], sides],
        data_format: 'channels_last',
      },
    });
  };
  if (places.length === 3 && axis < 3) return cut(x, axis === 1);
  // Any axis is the columns of some picture: [before, axis, behind].
  const before = product(places.slice(0, axis - 1));
  const picture = reshaped(e, x, [before, size, product(places.slice(axis))]);
  const kept = places.map((place, at) => (at === axis - 1 ? end - begin : place));
  return reshaped(e, cut(picture, false), kept);
}

/** Places of one axis behind the batch, in any order and as often as they are named. */
export function taken(
  e: LayerEmission,
  x: LayerValue,
  axis: number,
  places: readonly number[],
): LayerValue {
  const size = e.places(x.dims)[axis - 1] ?? 1;
  const [first = 0] = places;
  if (places.every((place, i) => place === first + i))
    return sliced(e, x, axis, first, first + places.length);
  const data = new Float32Array(size * places.length);
  for (const [to, from] of places.entries()) data[from * places.length + to] = 1;
  return throughMatrix(e, x, axis, { data, to: places.length });
}
