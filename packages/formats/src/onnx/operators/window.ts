import type { Call } from '../call.ts';

/** A window over pictures; a sequence is a picture of width 1. */
export interface WindowShape {
  readonly size: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  readonly padding: readonly [top: number, bottom: number, left: number, right: number];
}

/** The same over any number of axes. */
export interface PlaceWindow {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** [begin of each axis..., end of each axis...] */
  readonly pads: readonly number[];
}

const LIMIT = 1 << 20;

/** What convolutions and pools say about their window; `places` are the sizes of the picture. */
export function readWindow(
  call: Call,
  size: readonly number[],
  places: readonly number[],
): WindowShape {
  const { strides, dilations, pads } = readPlaceWindow(call, size, places);
  const two = (list: readonly number[]): [number, number] => [list[0] ?? 1, list[1] ?? 1];
  const n = size.length;
  const [before, after] = [pads.slice(0, n), pads.slice(n)];
  return {
    size: two(size),
    strides: two(strides),
    dilations: two(dilations),
    padding: [before[0] ?? 0, after[0] ?? 0, before[1] ?? 0, after[1] ?? 0],
  };
}

export function readPlaceWindow(
  call: Call,
  size: readonly number[],
  places: readonly number[],
): PlaceWindow {
  const ones = size.map(() => 1);
  const strides = positive(call, 'strides', ones);
  const dilations = positive(call, 'dilations', ones);
  return { strides, dilations, pads: padsOf(call, size, strides, dilations, places) };
}

function positive(call: Call, name: string, ones: readonly number[]): readonly number[] {
  const list = call.attributes.ints(name, ones);
  const fits = list.length === ones.length && list.every((value) => value >= 1 && value <= LIMIT);
  if (fits) return list;
  return call.refuse(`[${list.join(', ')}] are not ${ones.length} numbers of at least 1`, name);
}

/** [begin of each axis..., end of each axis...], from the attribute or from what auto_pad asks for. */
function padsOf(
  call: Call,
  size: readonly number[],
  strides: readonly number[],
  dilations: readonly number[],
  places: readonly number[],
): readonly number[] {
  const none = [...size, ...size].map(() => 0);
  const auto = call.attributes.text('auto_pad', 'NOTSET');
  const pads = call.attributes.ints('pads', none);
  const fits = pads.length === none.length && pads.every((pad) => pad >= 0 && pad <= LIMIT);
  if (!fits)
    call.refuse(`[${pads.join(', ')}] are not ${none.length} numbers of at least 0`, 'pads');
  if (auto === 'NOTSET') return pads;
  if (auto === 'VALID') return none;
  if (auto !== 'SAME_UPPER' && auto !== 'SAME_LOWER') {
    return call.refuse(`'${auto}' is unknown`, 'auto_pad');
  }
  const totals = size.map((extent, axis) => {
    const step = strides[axis] ?? 1;
    const place = places[axis] ?? 1;
    const reach = (extent - 1) * (dilations[axis] ?? 1) + 1;
    return Math.max(0, (Math.ceil(place / step) - 1) * step + reach - place);
  });
  const less = totals.map((total) => Math.floor(total / 2));
  const more = totals.map((total, axis) => total - (less[axis] ?? 0));
  return auto === 'SAME_UPPER' ? [...less, ...more] : [...more, ...less];
}
