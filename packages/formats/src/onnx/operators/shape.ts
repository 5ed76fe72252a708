import { tensor } from '@vanda/engine';
import type { Call, Operators } from '../call.ts';
import type { OnnxDim } from '../dims.ts';
import { dimsText, plainOrder } from '../dims.ts';
import { reshaped, resolveDims } from '../reshape.ts';
import { readTensor } from '../tensor-data.ts';
import type { Value } from '../value.ts';
import { dimsOf } from '../value.ts';

function reshape(call: Call): Value {
  if (call.attributes.flag('allowzero')) {
    if (call.known(1).data.includes(0))
      call.refuse('a tensor without elements is not supported', 'allowzero');
  }
  return reshaped(call.builder, call.input(0), resolveDims(call, call.dims(0), call.known(1).data));
}

/** [everything before the axis, everything from it on]. */
function flatten(call: Call): Value {
  const dims = call.dims(0);
  const given = call.attributes.int('axis', 1);
  const axis = given === dims.length ? given : call.axis(given, dims.length);
  const row = dims.slice(axis).reduce<number>((product, dim) => {
    return typeof dim === 'number' ? product * dim : product * Number.NaN;
  }, 1);
  if (axis > 0 && Number.isNaN(row)) call.refuse('the batch must be its first dim');
  const wanted = axis === 0 ? [1, -1] : [-1, row];
  return reshaped(call.builder, call.input(0), resolveDims(call, dims, wanted));
}

/** Only what is known of the storage changes; elements move where an operator asks for it. */
function transpose(call: Call): Value {
  const { builder } = call;
  const rank = call.rank(0);
  const permutation = call.attributes.ints('perm', plainOrder(rank).reverse());
  const sorted = [...permutation].sort((a, b) => a - b);
  if (sorted.join() !== plainOrder(rank).join()) {
    call.refuse(`[${permutation.join(', ')}] does not name each of ${rank} dims once`, 'perm');
  }
  const x = builder.asFlow(call.input(0), permutation);
  return builder.flow(
    x.node,
    x.order.map((axis) => permutation.indexOf(axis)),
    x,
  );
}

function squeeze(call: Call): Value {
  const dims = call.dims(0);
  const given = call.axes(13)?.map((axis) => call.axis(axis, dims.length));
  const dropped = given ?? dims.flatMap((dim, axis) => (dim === 1 ? [axis] : []));
  const wrong = dropped.find((axis) => dims[axis] !== 1);
  if (wrong !== undefined) call.refuse(`dim ${wrong} of ${dimsText(dims)} is not 1`, 'axes');
  return reshaped(
    call.builder,
    call.input(0),
    dims.filter((_, axis) => !dropped.includes(axis)),
  );
}

function unsqueeze(call: Call): Value {
  const dims = [...call.dims(0)];
  const axes = call.axes(13) ?? call.refuse('says no axes', 'axes');
  const rank = dims.length + axes.length;
  const places = axes.map((axis) => call.axis(axis, rank)).sort((a, b) => a - b);
  if (new Set(places).size !== places.length) call.refuse('names an axis twice', 'axes');
  for (const place of places) dims.splice(place, 0, 1);
  return reshaped(call.builder, call.input(0), dims);
}

/** Repeats what broadcasts; both shapes count, unlike in NumPy's broadcast_to. */
function expand(call: Call): Value {
  const { builder } = call;
  const target = call.known(1).data;
  const from = dimsOf(call.input(0));
  const rank = Math.max(from.length, target.length);
  const at = (dims: readonly OnnxDim[], axis: number) => dims[axis - (rank - dims.length)] ?? 1;
  const dims = plainOrder(rank).map((axis) =>
    at(target, axis) === 1 ? at(from, axis) : at(target, axis),
  );
  const x = builder.plain(call.input(0));
  const fresh = dims.some(
    (dim, axis) => typeof dim !== 'number' && typeof at(from, axis) === 'number',
  );
  if (fresh) {
    const node = builder.graph.emit('expand_like', [x, builder.batchLike(dims)]);
    return { ...builder.plainFlow(node), times: timesIn(dims) };
  }
  const shape = dims.map((dim) => (typeof dim === 'number' ? dim : null));
  if (shape.join() === x.shape.join()) return call.input(0);
  return builder.plainFlow(builder.graph.expand(x, shape), call.input(0));
}

function timesIn(dims: readonly OnnxDim[]): number {
  const open = dims.find((dim) => typeof dim !== 'number');
  return open === undefined || typeof open === 'number' ? 1 : open.times;
}

function tile(call: Call): Value {
  const { builder } = call;
  const x = builder.asFlow(call.input(0));
  const repeats = call.numbers(1);
  const laid = x.order.map((axis) => repeats[axis] ?? 0);
  return builder.flow(builder.graph.tile(x.node, laid), x.order, x);
}

function constant(call: Call): Value {
  const { attributes, where } = call;
  const value = attributes.tensor('value');
  if (value) return stored(where, readTensor(value, `${where}.value`));
  if (attributes.has('value_float'))
    return stored(where, tensor([attributes.float('value_float')], []));
  if (attributes.has('value_floats'))
    return stored(where, tensor(attributes.floats('value_floats')));
  if (attributes.has('value_int')) {
    return stored(where, tensor([attributes.int('value_int')], [], 'i64'));
  }
  const ints = attributes.ints('value_ints');
  return stored(where, tensor(ints, [ints.length], 'i64'));
}

function stored(name: string, value: ReturnType<typeof readTensor>): Value {
  return { kind: 'stored', name, tensor: value, weight: false };
}

/** [N, C r r, H, W] -> [N, C, H r, W r], in the order that `mode` says. */
function depthToSpace(call: Call): Value {
  const { builder } = call;
  if (call.rank(0) !== 4) call.refuse('takes pictures [N, C, H, W]');
  const r = call.attributes.int('blocksize');
  const mode = call.attributes.text('mode', 'DCR');
  const [n, c, h, w] = call.dims(0) as [OnnxDim, number, number, number];
  const split = mode === 'DCR' ? [n, r, r, c / (r * r), h, w] : [n, c / (r * r), r, r, h, w];
  const permutation = mode === 'DCR' ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3];
  if (mode !== 'DCR' && mode !== 'CRD') call.refuse(`'${mode}' is DCR or CRD`, 'mode');
  if (!Number.isInteger(c / (r * r)))
    call.refuse(`${c} channels do not divide by ${r} x ${r}`, 'blocksize');
  const x = reshaped(builder, call.input(0), split);
  const moved = builder.flow(
    x.node,
    x.order.map((axis) => permutation.indexOf(axis)),
    x,
  );
  return reshaped(builder, moved, [n, c / (r * r), h * r, w * r]);
}

export const shapes: Operators = {
  Constant: constant,
  DepthToSpace: depthToSpace,
  Expand: expand,
  Flatten: flatten,
  Reshape: reshape,
  Squeeze: squeeze,
  Tile: tile,
  Transpose: transpose,
  Unsqueeze: unsqueeze,
};
