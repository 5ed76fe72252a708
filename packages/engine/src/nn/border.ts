import { EngineError } from '../engine-error.ts';
import { knownDims } from '../ops/window.ts';
import type { Layer, Named } from './layer.ts';
import { PICTURES } from './layer.ts';

/** One width for all sides, one for [height, width], or [[top, bottom], [left, right]]. */
export type Border =
  | number
  | readonly [number, number]
  | readonly [readonly [number, number], readonly [number, number]];

/** A border around pictures: of zeros, the mirrored inside, or the repeated edge; [N, H, W, C] -> [N, H + .., W + .., C]. */
export function padding2d(
  border: Border,
  options: Named & { mode?: 'zeros' | 'reflect' | 'edge' } = {},
): Layer {
  const [rows, columns] = sides('padding2d', border);
  const mode = options.mode ?? 'zeros';
  return {
    kind: 'padding2d',
    name: options.name,
    takes: PICTURES,
    apply(x) {
      knownDims(x, 'padding2d', '[N, H, W, C]');
      const borders = [[0, 0], rows, columns, [0, 0]] as const;
      if (mode === 'reflect') return x.graph.padReflect(x, borders);
      return mode === 'edge' ? x.graph.padEdge(x, borders) : x.graph.pad(x, borders);
    },
  };
}

/** Cuts a border off pictures: [N, H, W, C] -> [N, H - .., W - .., C]. */
export function cropping2d(border: Border, options: Named = {}): Layer {
  const [[top, bottom], [left, right]] = sides('cropping2d', border);
  return {
    kind: 'cropping2d',
    name: options.name,
    takes: `${PICTURES}, larger than what is cut away`,
    apply(x) {
      const [height = 0, width = 0] = knownDims(x, 'cropping2d', '[N, H, W, C]');
      if (height <= top + bottom || width <= left + right) {
        const text = `nothing is left of ${height} x ${width}`;
        throw new EngineError('shape_mismatch', 'cropping2d', text);
      }
      return x.graph.stridedSlice(x, [null, [top, height - bottom], [left, width - right]]);
    },
  };
}

/** Blocks of places become channels: [N, H, W, C] -> [N, H / b, W / b, b b C]. */
export function spaceToDepth(block: number, options: Named = {}): Layer {
  return {
    kind: 'spaceToDepth',
    name: options.name,
    takes: `${PICTURES}, height and width divided by ${block}`,
    apply: (x) => x.graph.spaceToDepth(x, block),
  };
}

/** Channels become blocks of places: [N, H, W, b b C] -> [N, H b, W b, C], as a last layer that enlarges (Shi et al., 2016). */
export function depthToSpace(block: number, options: Named = {}): Layer {
  return {
    kind: 'depthToSpace',
    name: options.name,
    takes: `${PICTURES}, the channels divided by ${block * block}`,
    apply: (x) => x.graph.depthToSpace(x, block),
  };
}

type Sides = readonly [readonly [number, number], readonly [number, number]];

function sides(kind: string, border: Border): Sides {
  const [rows, columns] = typeof border === 'number' ? [border, border] : border;
  const both = (side: number | readonly [number, number]) =>
    typeof side === 'number' ? ([side, side] as const) : side;
  const made: Sides = [both(rows), both(columns)];
  if (made.flat().every((width) => Number.isSafeInteger(width) && width >= 0)) return made;
  const text =
    'takes whole numbers of at least 0: one, [height, width] or [[top, bottom], [left, right]]';
  throw new EngineError('invalid_attribute', kind, text);
}
