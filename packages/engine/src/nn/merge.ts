import { EngineError } from '../engine-error.ts';
import type { Node } from '../node.ts';
import type { MergeLayer, Named } from './layer.ts';

/** Element by element, with broadcasting. */
export function add(options: Named = {}): MergeLayer {
  return folding('add', options, (a, b) => a.graph.add(a, b));
}

/** The first minus the second. */
export function subtract(options: Named = {}): MergeLayer {
  return folding('subtract', options, (a, b) => a.graph.sub(a, b), 2);
}

export function multiply(options: Named = {}): MergeLayer {
  return folding('multiply', options, (a, b) => a.graph.mul(a, b));
}

export function average(options: Named = {}): MergeLayer {
  const sum = add(options);
  return {
    ...sum,
    kind: 'average',
    join: (xs, mode) => {
      const total = sum.join(xs, mode);
      return total.graph.mul(total, 1 / xs.length);
    },
  };
}

export function maximum(options: Named = {}): MergeLayer {
  return folding('maximum', options, (a, b) => a.graph.maximum(a, b));
}

export function minimum(options: Named = {}): MergeLayer {
  return folding('minimum', options, (a, b) => a.graph.minimum(a, b));
}

/** Along an axis, the last one by default; all other sizes must be the same. */
export function concatenate(options: Named & { axis?: number } = {}): MergeLayer {
  const axis = options.axis ?? -1;
  if (!Number.isSafeInteger(axis) || axis === 0) {
    throw new EngineError(
      'invalid_attribute',
      'concatenate',
      'the axis must be a whole number other than 0, which is the batch',
    );
  }
  return {
    kind: 'concatenate',
    name: options.name,
    takes: `two inputs or more whose shapes differ along axis ${axis} alone`,
    join: (xs) => (xs[0] as Node).graph.concat(xs, axis),
  };
}

/**
 * The products of two inputs, summed over one axis of each, counted with the batch as 0: [N, D] and [N, D] -> [N, 1];
 * [N, A, D] and [N, B, D] along 2 -> [N, A, B]. Normalised to length 1 along it before, they are cosines.
 */
export function dot(
  options: Named & { axes?: number | readonly [number, number]; normalize?: boolean } = {},
): MergeLayer {
  const { axes = -1, normalize = false } = options;
  const [first, second] = typeof axes === 'number' ? [axes, axes] : axes;
  return {
    kind: 'dot',
    name: options.name,
    takes: 'two inputs [batch, features], or [batch, rows, columns], as long along their axes',
    join(xs) {
      const a = summedLast(xs[0], first, normalize);
      const b = summedLast(xs[1], second, normalize);
      if (xs.length !== 2) throw new EngineError('shape_mismatch', 'dot', 'takes two inputs');
      const g = a.graph;
      if (a.shape.length === 2 && b.shape.length === 2) {
        if (a.shape[1] !== b.shape[1])
          throw new EngineError('shape_mismatch', 'dot', 'the inputs differ in length');
        return g.sum(g.mul(a, b), 1, true);
      }
      if (a.shape.length !== 3 || b.shape.length !== 3)
        throw new EngineError('shape_mismatch', 'dot', 'the inputs differ in their number of dims');
      return g.matmul(a, b, { transposeB: true });
    },
  };
}

/** With the axis as the last dim. */
function summedLast(x: Node | undefined, axis: number, normalize: boolean): Node {
  const rank = x?.shape.length ?? 0;
  const place = axis < 0 ? axis + rank : axis;
  if (!x || rank < 2 || rank > 3 || !Number.isSafeInteger(place) || place < 1 || place >= rank) {
    throw new EngineError('shape_mismatch', 'dot', `there is no axis ${axis} to sum over`);
  }
  const g = x.graph;
  const turned = place === rank - 1 ? x : g.transpose(x, [0, 2, 1]);
  if (!normalize) return turned;
  const squares = g.sum(g.square(turned), -1, true);
  return g.mul(turned, g.rsqrt(g.maximum(squares, 1e-12)));
}

function folding(
  kind: string,
  options: Named,
  fold: (a: Node, b: Node) => Node,
  most = Number.POSITIVE_INFINITY,
): MergeLayer {
  return {
    kind,
    name: options.name,
    takes: `${most === 2 ? 'two inputs' : 'two inputs or more'} of one shape, or that broadcast to one`,
    join(xs) {
      if (xs.length < 2 || xs.length > most)
        throw new EngineError('shape_mismatch', kind, `was given ${xs.length}`);
      return xs.reduce(fold);
    },
  };
}
