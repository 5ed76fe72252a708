import type { LayerValue } from '../keras-layer.ts';
import type { LayerEmission } from '../layer-emission.ts';
import { scaled } from './parts.ts';

export interface Window {
  readonly size: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  /** [top, bottom, left, right] */
  readonly pads: readonly number[];
  /** The pads are those of TensorFlow's 'same'. */
  readonly same: boolean;
}

/** How a window goes over an operation's pictures. */
export function windowOf(e: LayerEmission, size: readonly number[]): Window {
  const stride = e.numbers('stride');
  const dilation = e.op === 'conv2d' ? e.numbers('dilation') : [1, 1];
  const pads = [0, 1].flatMap((axis) => {
    const step = stride[axis] ?? 1;
    const reach = ((size[axis] ?? 1) - 1) * (dilation[axis] ?? 1) + 1;
    const place = e.places(e.input(0).dims)[axis] ?? 1;
    const total = Math.max(0, (Math.ceil(place / step) - 1) * step + reach - place);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  });
  const padding = e.text('padding');
  if (padding === 'same') return { size, stride, dilation, pads, same: true };
  const given = padding === 'explicit' ? [...e.numbers('pads')] : [0, 0, 0, 0];
  const same = given.every((pad, i) => pad === pads[i]);
  return { size, stride, dilation, pads: given, same: same && given.some((pad) => pad > 0) };
}

/** What a window of Keras reads, and with which of its two borders: others are laid around the picture before. */
export function paddedPicture(
  e: LayerEmission,
  x: LayerValue,
  { pads, same }: Window,
  value: number,
): { value: LayerValue; padding: 'same' | 'valid' } {
  if (same) return { value: x, padding: 'same' };
  return { value: bordered(e, x, pads, value), padding: 'valid' };
}

/** Rows and columns of one number around pictures: [top, bottom, left, right]. */
export function bordered(
  e: LayerEmission,
  x: LayerValue,
  pads: readonly number[],
  value: number,
): LayerValue {
  if (pads.every((pad) => pad === 0)) return x;
  const [top = 0, bottom = 0, left = 0, right = 0] = pads;
  const [high = 0, wide = 0, channels = 0] = e.places(x.dims);
  const around = (inner: LayerValue) =>
    e.layer(
      [null, high + top + bottom, wide + left + right, channels],
      {
        className: 'ZeroPadding2D',
        inputs: [inner],
        config: {
          padding: [
            [top, bottom],
            [left, right],
          ],
          data_format: 'channels_last',
        },
      },
      inner.notNegative,
    );
  if (value === 0) return around(x);
  if (Math.abs(value) > 1e3) return e.refuse(`has a border of ${value}, which no layer lays`);
  // Zeros around what is as far below, and back.
  return scaled(e, around(scaled(e, x, 1, -value)), 1, value);
}
