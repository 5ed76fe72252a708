import { EngineError } from '../engine-error.ts';
import type { Node } from '../node.ts';

export type Pair = number | readonly [number, number];
export type Padding =
  | 'same'
  | 'valid'
  | readonly [top: number, bottom: number, left: number, right: number];
/** Causal: all of it before, so that no place sees what comes after it. */
export type Padding1d = 'same' | 'valid' | 'causal' | readonly [before: number, after: number];

export function pair(value: Pair): readonly [number, number] {
  return typeof value === 'number' ? [value, value] : value;
}

export function paddingAttributes(padding: Padding): { padding: string; pads: readonly number[] } {
  if (typeof padding === 'string') return { padding, pads: [] };
  if (padding.length !== 4) {
    throw new EngineError(
      'invalid_attribute',
      'padding',
      'explicit padding is [top, bottom, left, right]',
    );
  }
  return { padding: 'explicit', pads: padding };
}

/** Sequences run as pictures of width 1. */
export function asPicturePadding(padding: Padding1d, reach: number): Padding {
  if (padding === 'causal') return [reach - 1, 0, 0, 0];
  if (typeof padding === 'string') return padding;
  if (padding.length !== 2) {
    throw new EngineError(
      'invalid_attribute',
      'padding',
      'explicit padding of a sequence is [before, after]',
    );
  }
  return [padding[0], padding[1], 0, 0];
}

/** The dims of x behind the batch, which are always known; x must have as many as `form` says. */
export function knownDims(x: Node, op: string, form: string): number[] {
  const rank = form.split(',').length;
  if (x.shape.length !== rank) {
    const given = x.shape.map((dim) => dim ?? 'batch').join(', ');
    throw new EngineError('shape_mismatch', op, `takes ${form}, not [${given}]`);
  }
  return x.shape.slice(1).map(Number);
}
