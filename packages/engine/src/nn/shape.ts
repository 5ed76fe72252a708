import { EngineError } from '../engine-error.ts';
import type { Layer, Named } from './layer.ts';

const ANY = '[batch, ...]';

/** [N, ...] -> [N, everything else]. */
export function flatten({ name }: Named = {}): Layer {
  return {
    kind: 'flatten',
    name,
    takes: ANY,
    apply: (x) => (x.shape.length === 2 ? x : x.graph.flatten(x)),
  };
}

/** [N, ...] -> [N, ...shape], of as many elements; one of the sizes may be -1, which is what is left. */
export function reshape(shape: readonly number[], { name }: Named = {}): Layer {
  const inferred = shape.filter((dim) => dim === -1).length;
  const valid = shape.every((dim) => dim === -1 || (Number.isSafeInteger(dim) && dim > 0));
  if (!valid || inferred > 1) {
    throw new EngineError(
      'invalid_attribute',
      'reshape',
      `[${shape.join(', ')}] must be whole numbers above 0, one of them -1 at most, without the batch`,
    );
  }
  const elements = shape.reduce((product, dim) => product * dim, 1);
  return {
    kind: 'reshape',
    name,
    takes: `[batch, ...] of ${inferred === 1 ? `a multiple of ${-elements}` : elements} elements each`,
    apply: (x) => x.graph.reshape(x, [0, ...shape]),
  };
}

/** The dims behind the batch in another order, counted from 1: permute([2, 1]) makes [N, A, B] to [N, B, A]. */
export function permute(order: readonly number[], { name }: Named = {}): Layer {
  const sorted = order.toSorted((a, b) => a - b);
  if (sorted.length === 0 || sorted.some((axis, i) => axis !== i + 1)) {
    throw new EngineError(
      'invalid_attribute',
      'permute',
      `[${order.join(', ')}] must name each of the dims 1 to ${order.length} once; the batch stays`,
    );
  }
  return {
    kind: 'permute',
    name,
    takes: `[batch, ${order.map((_, i) => `d${i + 1}`).join(', ')}]`,
    apply: (x) => x.graph.transpose(x, [0, ...order]),
  };
}

/** [N, D] -> [N, times, D]. */
export function repeatVector(times: number, { name }: Named = {}): Layer {
  if (!Number.isSafeInteger(times) || times < 1) {
    throw new EngineError(
      'invalid_attribute',
      'repeatVector',
      'takes a whole number of at least 1',
    );
  }
  return {
    kind: 'repeatVector',
    name,
    takes: '[batch, features]',
    apply(x) {
      const [batch, features, ...more] = x.shape;
      if (batch === undefined || features === undefined || more.length > 0) {
        throw new EngineError('shape_mismatch', 'repeatVector', 'takes vectors');
      }
      return x.graph.expand(x.graph.reshape(x, [0, 1, -1]), [batch, times, features]);
    },
  };
}

/** x * scale + shift in f32, whatever the dtype of x: pixels from 0..255 to 0..1, for instance. */
export function rescale(scale: number, shift = 0, { name }: Named = {}): Layer {
  return {
    kind: 'rescale',
    name,
    takes: ANY,
    apply(x) {
      const graph = x.graph;
      const scaled = graph.mul(x.dtype === 'f32' ? x : graph.cast(x, 'f32'), scale);
      return shift === 0 ? scaled : graph.add(scaled, shift);
    },
  };
}

/** Layers one after the other, without inputs of their own; models.sequential makes a model of them. */
export function sequential(layers: readonly Layer[], { name }: Named = {}): Layer {
  return {
    kind: 'sequential',
    name,
    apply: (x, mode) => layers.reduce((value, layer) => layer.apply(value, mode), x),
  };
}
