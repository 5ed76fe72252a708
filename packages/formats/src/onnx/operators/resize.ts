import type { Call, Operators } from '../call.ts';
import { channelsLast } from '../dims.ts';
import type { Value } from '../value.ts';

/** Nearest and linear; of nearest only what picks the same pixels as half-pixel centres do. */
function resize(call: Call): Value {
  const { builder } = call;
  const { attributes } = call;
  if (call.rank(0) !== 4) call.refuse('resizes pictures [N, C, H, W]');
  const [, , height, width] = call.dims(0) as [unknown, unknown, number, number];
  const size = sizeOf(call, [height, width]);
  const mode = attributes.text('mode', 'nearest');
  const places = attributes.text('coordinate_transformation_mode', 'half_pixel');
  attributes.ignore('cubic_coeff_a', 'exclude_outside', 'extrapolation_value');
  attributes.ignore('keep_aspect_ratio_policy', 'nearest_mode');
  if (attributes.has('antialias') && attributes.flag('antialias')) {
    call.refuse('is not supported', 'antialias');
  }
  const whole = size.every((side, axis) => side % ([height, width][axis] ?? 1) === 0);
  const centred = places === 'half_pixel' || (places === 'pytorch_half_pixel' && !size.includes(1));
  const x = builder.inOrder(call.input(0), channelsLast(4));
  let node = x;
  if (
    mode === 'nearest' &&
    (whole || (centred && attributes.text('nearest_mode', '') === 'round_prefer_ceil'))
  ) {
    node = builder.graph.resize2d(x, size, { method: 'nearest' });
  } else if (mode === 'linear' && (centred || places === 'align_corners')) {
    node = builder.graph.resize2d(x, size, { alignCorners: places === 'align_corners' });
  } else if (size[0] !== height || size[1] !== width) {
    call.refuse(`${mode} with ${places} is not supported for this size`, 'mode');
  }
  return builder.flow(node, channelsLast(4), call.input(0));
}

function sizeOf(call: Call, from: readonly number[]): [number, number] {
  const sizes = call.optionalKnown(3)?.data;
  const scales = call.inputs[2] && !sizes ? call.numbers(2) : undefined;
  const axes = call.attributes.ints('axes', sizes?.length === 2 ? [2, 3] : [0, 1, 2, 3]);
  const side = (axis: number): number => {
    const at = axes.indexOf(axis);
    const old = from[axis - 2] ?? 1;
    if (at < 0) return old;
    const size = sizes?.[at];
    if (sizes) return typeof size === 'number' ? size : call.refuse('depend on the batch', 'sizes');
    return Math.floor(old * (scales?.[at] ?? 1));
  };
  for (const [at, axis] of axes.entries()) {
    if (axis < 2 && scales && scales[at] !== 1)
      call.refuse('only height and width can be resized', 'scales');
  }
  const size: [number, number] = [side(2), side(3)];
  if (!size.every((value) => value >= 1 && value <= 1 << 20)) {
    call.refuse(`the size [${size.join(', ')}] is no size of a picture`, 'sizes');
  }
  return size;
}

/** Pictures read between their pixels, at places that another input says. */
function gridSample(call: Call): Value {
  const { builder, attributes } = call;
  if (call.rank(0) !== 4) call.refuse('reads pictures [N, C, H, W]');
  const mode = attributes.text('mode', 'linear');
  const padding = attributes.text('padding_mode', 'zeros');
  if (mode !== 'linear' && mode !== 'bilinear') call.refuse(`'${mode}' is not supported`, 'mode');
  if (padding !== 'zeros' && padding !== 'border')
    return call.refuse(`'${padding}' is not supported`, 'padding_mode');
  const x = builder.inOrder(call.input(0), channelsLast(4));
  const alignCorners = attributes.flag('align_corners');
  const y = builder.graph.gridSample(x, builder.plain(call.input(1)), { padding, alignCorners });
  return builder.flow(y, channelsLast(4), call.input(0));
}

export const resizes: Operators = { GridSample: gridSample, Resize: resize };
