import type { Call } from '../call.ts';
import type { OnnxDim } from '../dims.ts';
import { plainOrder } from '../dims.ts';
import { resolveDims } from '../reshape.ts';
import type { Known } from '../value.ts';
import { known } from '../value.ts';
import { at, broadcastPlace, built } from './known-tensor.ts';

type Fold = (call: Call, inputs: readonly Known[]) => Known | readonly Known[];

function wholeDims(call: Call, dims: readonly OnnxDim[]): number[] {
  return dims.map((dim) => (typeof dim === 'number' ? dim : call.refuse('has an open shape')));
}

function concat(call: Call, inputs: readonly Known[]): Known {
  const [first] = inputs as [Known];
  const axis = call.axis(call.attributes.int('axis'), first.dims.length);
  const ends: number[] = [];
  for (const { dims } of inputs) ends.push((ends.at(-1) ?? 0) + (dims[axis] ?? 0));
  const dims = first.dims.map((dim, i) => (i === axis ? (ends.at(-1) ?? 0) : dim));
  const dtype = inputs.find(({ data }) => data.length > 0)?.dtype ?? first.dtype;
  return built(call, dtype, dims, (place) => {
    const which = ends.findIndex((end) => (place[axis] ?? 0) < end);
    const begin = which === 0 ? 0 : (ends[which - 1] ?? 0);
    const part = inputs[which] as Known;
    return at(
      part,
      place.map((index, i) => (i === axis ? index - begin : index)),
    );
  });
}

function gather(call: Call, inputs: readonly Known[]): Known {
  const [x, indices] = inputs as [Known, Known];
  const axis = call.axis(call.attributes.int('axis', 0), x.dims.length);
  const size = x.dims[axis] ?? 0;
  const rank = indices.dims.length;
  const dims = [...x.dims.slice(0, axis), ...indices.dims, ...x.dims.slice(axis + 1)];
  return built(call, x.dtype, dims, (place) => {
    const given = at(indices, place.slice(axis, axis + rank));
    if (typeof given !== 'number') return call.refuse('takes the element that the batch names');
    const index = given < 0 ? given + size : given;
    if (index < 0 || index >= size)
      call.refuse(`the index ${given} is outside ${size} elements`, 'indices');
    return at(x, [...place.slice(0, axis), index, ...place.slice(axis + rank)]);
  });
}

/** As NumPy's x[start:end:step], for each axis that is named. */
function slice(call: Call, inputs: readonly Known[]): Known {
  const [x] = inputs as [Known];
  const starts = call.numbers(1);
  const ends = call.numbers(2);
  const axes = call.optionalNumbers(3) ?? plainOrder(starts.length);
  const steps = call.optionalNumbers(4) ?? starts.map(() => 1);
  const ranges = x.dims.map((dim) => ({ first: 0, step: 1, size: dim }));
  for (const [i, axis] of axes.entries()) {
    const place = call.axis(axis, x.dims.length);
    const dim = x.dims[place] ?? 0;
    const step = steps[i] ?? 1;
    if (step === 0) call.refuse('has a step of 0', 'steps');
    const low = step > 0 ? 0 : -1;
    const high = step > 0 ? dim : dim - 1;
    const cut = (index = 0) => Math.min(Math.max(index < 0 ? index + dim : index, low), high);
    const first = cut(starts[i]);
    const size = Math.max(0, Math.ceil((cut(ends[i]) - first) / step));
    ranges[place] = { first, step, size };
  }
  return built(
    call,
    x.dtype,
    ranges.map(({ size }) => size),
    (place) =>
      at(
        x,
        place.map((index, axis) => {
          const { first = 0, step = 1 } = ranges[axis] ?? {};
          return first + index * step;
        }),
      ),
  );
}

function split(call: Call, inputs: readonly Known[]): readonly Known[] {
  const [x] = inputs as [Known];
  const axis = call.axis(call.attributes.int('axis', 0), x.dims.length);
  const size = x.dims[axis] ?? 0;
  const count = call.outputNames.length;
  call.attributes.ignore('num_outputs');
  const even = Math.ceil(size / count);
  const given =
    call.opset >= 13
      ? call.optionalNumbers(1)
      : call.attributes.has('split')
        ? call.attributes.ints('split')
        : undefined;
  const sizes = given ?? Array.from({ length: count }, (_, i) => Math.min(even, size - i * even));
  let begin = 0;
  return sizes.map((part) => {
    const from = begin;
    begin += part;
    if (begin > size) call.refuse(`its parts are more than ${size} elements`, 'split');
    const dims = x.dims.map((dim, i) => (i === axis ? part : dim));
    return built(call, x.dtype, dims, (place) =>
      at(
        x,
        place.map((index, i) => (i === axis ? index + from : index)),
      ),
    );
  });
}

function transpose(call: Call, inputs: readonly Known[]): Known {
  const [x] = inputs as [Known];
  const permutation = call.attributes.ints('perm', plainOrder(x.dims.length).reverse());
  const dims = permutation.map((axis) => x.dims[call.axis(axis, x.dims.length)] ?? 1);
  return built(call, x.dtype, dims, (place) =>
    at(
      x,
      plainOrder(x.dims.length).map((axis) => place[permutation.indexOf(axis)] ?? 0),
    ),
  );
}

function squeeze(call: Call, inputs: readonly Known[]): Known {
  const [x] = inputs as [Known];
  const axes = call.axes(13)?.map((axis) => call.axis(axis, x.dims.length));
  const kept = x.dims.filter((dim, axis) => !(axes ? axes.includes(axis) : dim === 1));
  return reshapedTo(call, x, kept);
}

function unsqueeze(call: Call, inputs: readonly Known[]): Known {
  const [x] = inputs as [Known];
  const axes = call.axes(13) ?? call.refuse('says no axes', 'axes');
  const dims = [...x.dims];
  const places = axes.map((axis) => call.axis(axis, x.dims.length + axes.length));
  for (const place of places.sort((a, b) => a - b)) dims.splice(place, 0, 1);
  return reshapedTo(call, x, dims);
}

function reshapedTo(call: Call, x: Known, dims: readonly number[]): Known {
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (count !== x.data.length)
    call.refuse(`${x.data.length} elements do not fill [${dims.join(', ')}]`);
  return known(x.dtype, dims, x.data);
}

function reshape(call: Call, inputs: readonly Known[]): Known {
  const [x, shape] = inputs as [Known, Known];
  call.attributes.ignore('allowzero');
  if (x.data.length === 0) return reshapedTo(call, x, wholeDims(call, shape.data));
  return known(x.dtype, wholeDims(call, resolveDims(call, x.dims, shape.data)), x.data);
}

function expand(call: Call, inputs: readonly Known[]): Known {
  const [x, shape] = inputs as [Known, Known];
  const target = wholeDims(call, shape.data);
  const rank = Math.max(target.length, x.dims.length);
  const dims = plainOrder(rank).map((axis) => {
    const wanted = target[axis - (rank - target.length)] ?? 1;
    return wanted === 1 ? (x.dims[axis - (rank - x.dims.length)] ?? 1) : wanted;
  });
  return built(call, x.dtype, dims, (place) => at(x, broadcastPlace(x.dims, place)));
}

function tile(call: Call, inputs: readonly Known[]): Known {
  const [x] = inputs as [Known];
  const repeats = call.numbers(1);
  const dims = x.dims.map((dim, axis) => dim * (repeats[axis] ?? 1));
  return built(call, x.dtype, dims, (place) =>
    at(
      x,
      place.map((index, axis) => index % (x.dims[axis] ?? 1)),
    ),
  );
}

/** A copy with the updates at the places that the rows of indices name; later ones win. */
function scatterNd(call: Call, inputs: readonly Known[]): Known {
  const [x, indices, updates] = inputs as [Known, Known, Known];
  if (call.attributes.text('reduction', 'none') !== 'none')
    call.refuse('is not supported', 'reduction');
  const depth = indices.dims.at(-1) ?? 0;
  if (depth < 1 || depth > x.dims.length)
    call.refuse(`${depth} indices for ${x.dims.length} dims`, 'indices');
  const block = x.dims.slice(depth).reduce((product, dim) => product * dim, 1);
  const rows = indices.data.length / depth;
  if (updates.data.length !== rows * block) call.refuse('do not fit their indices', 'updates');
  call.builder.spend(x.data.length);
  const data = [...x.data];
  for (let row = 0; row < rows; row += 1) {
    let begin = 0;
    for (let axis = 0; axis < depth; axis += 1) {
      const dim = x.dims[axis] ?? 0;
      const given = Number(indices.data[row * depth + axis]);
      const index = given < 0 ? given + dim : given;
      if (!(index >= 0 && index < dim))
        call.refuse(`the index ${given} is outside ${dim} elements`, 'indices');
      begin = begin * dim + index;
    }
    for (let i = 0; i < block; i += 1) data[begin * block + i] = updates.data[row * block + i] ?? 0;
  }
  return known(x.dtype, x.dims, data);
}

function reduceProduct(call: Call, inputs: readonly Known[]): Known {
  const [x] = inputs as [Known];
  call.attributes.ignore('axes', 'noop_with_empty_axes');
  const keep = call.attributes.flag('keepdims', true);
  if (x.dims.length !== 1) call.refuse('multiplies lists when it is computed at import');
  const numbers = x.data.map((dim) =>
    typeof dim === 'number'
      ? dim
      : call.refuse('multiplies with the open batch; give that dim a number'),
  );
  return known(x.dtype, keep ? [1] : [], [numbers.reduce((product, dim) => product * dim, 1)]);
}

export const layoutFolds: Record<string, Fold> = {
  Concat: concat,
  Expand: expand,
  Gather: gather,
  ReduceProd: reduceProduct,
  Reshape: reshape,
  ScatterND: scatterNd,
  Slice: slice,
  Split: split,
  Squeeze: squeeze,
  Tile: tile,
  Transpose: transpose,
  Unsqueeze: unsqueeze,
};
