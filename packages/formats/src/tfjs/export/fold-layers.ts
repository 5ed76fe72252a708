import type { Affine, KerasLayerOut, LayerOutput } from './keras-layer.ts';
import type { LayerWriter } from './layer-writer.ts';

/** Layers that compute a sum of products, and may do what follows them by the way. */
const products = new Set(['Conv2D', 'Conv2DTranspose', 'DepthwiseConv2D', 'Dense']);

interface Folded {
  /** In an order in which they can be computed; only what the ends need. */
  readonly layers: KerasLayerOut[];
  readonly ends: readonly LayerOutput[];
}

/**
 * Joins what stands behind a product and is a number for each channel (a normalisation, a bias) to its weights, then an
 * activation to its layer; what is left of the numbers becomes a Rescaling or a BatchNormalization. The same function
 * with fewer layers. Changes the layers in place.
 */
export function foldLayers(
  layers: readonly KerasLayerOut[],
  ends: readonly LayerOutput[],
  writer: LayerWriter,
): Folded {
  const first = pass(needed(layers, ends), ends, joinAffine);
  const second = pass(first.layers, first.ends, joinActivation);
  return {
    layers: second.layers.flatMap((layer) => (layer.affine ? realised(layer, writer) : [layer])),
    ends: second.ends,
  };
}

/** Answers the layer that takes the given one's place: it may be the same, or the one before. */
type Join = (layer: KerasLayerOut, alone: boolean) => KerasLayerOut;

function pass(
  layers: readonly KerasLayerOut[],
  ends: readonly LayerOutput[],
  join: Join,
): { layers: KerasLayerOut[]; ends: LayerOutput[] } {
  const readers = new Map<KerasLayerOut, number>();
  for (const { layer } of [...ends, ...layers.flatMap(({ inputs }) => inputs)])
    readers.set(layer, (readers.get(layer) ?? 0) + 1);
  const replaced = new Map<KerasLayerOut, KerasLayerOut>();
  const resolved = ({ layer, output }: LayerOutput): LayerOutput => ({
    layer: replaced.get(layer) ?? layer,
    output,
  });
  for (const layer of layers) {
    layer.inputs = layer.inputs.map(resolved);
    const [source] = layer.inputs;
    if (!source) continue;
    const instead = join(layer, readers.get(source.layer) === 1);
    if (instead === layer) continue;
    replaced.set(layer, instead);
    const more = (readers.get(layer) ?? 0) - 1;
    readers.set(instead, (readers.get(instead) ?? 0) + more);
  }
  const left = ends.map(resolved);
  return { layers: needed(layers, left), ends: left };
}

function needed(layers: readonly KerasLayerOut[], ends: readonly LayerOutput[]): KerasLayerOut[] {
  const read = new Set(ends.map(({ layer }) => layer));
  for (const layer of layers.toReversed()) {
    if (read.has(layer)) for (const input of layer.inputs) read.add(input.layer);
  }
  return layers.filter((layer) => read.has(layer) || layer.className === 'InputLayer');
}

function joinAffine(layer: KerasLayerOut, alone: boolean): KerasLayerOut {
  const source = layer.inputs[0]?.layer;
  if (!layer.affine || !source) return layer;
  if (isIdentity(layer.affine) && !source.whole) return source;
  if (!alone) return layer;
  if (source.affine) {
    const both = behind(source.affine, layer.affine);
    // A normalisation takes no whole numbers; a rescaling casts them.
    const before = source.inputs[0]?.layer;
    if (before?.whole && both.factor.length > 1) return layer;
    layer.affine = both;
    layer.inputs = source.inputs;
    return layer;
  }
  if (!products.has(source.className) || source.config.activation !== 'linear') return layer;
  takeIn(source, layer.affine);
  return source;
}

function joinActivation(layer: KerasLayerOut, alone: boolean): KerasLayerOut {
  const source = layer.inputs[0]?.layer;
  const free = alone && source && source.config.activation === 'linear';
  if (layer.className !== 'Activation' || !free || !products.has(source.className)) return layer;
  source.config.activation = layer.config.activation;
  return source;
}

function isIdentity({ factor, shift }: Affine): boolean {
  return factor.every((value) => value === 1) && shift.every((value) => value === 0);
}

function at(numbers: Float64Array, index: number): number {
  return numbers[numbers.length === 1 ? 0 : index] ?? 0;
}

function behind(a: Affine, b: Affine): Affine {
  const numbers = [a.factor, a.shift, b.factor, b.shift];
  const length = Math.max(...numbers.map((one) => one.length));
  return {
    factor: Float64Array.from({ length }, (_, i) => at(a.factor, i) * at(b.factor, i)),
    shift: Float64Array.from(
      { length },
      (_, i) => at(a.shift, i) * at(b.factor, i) + at(b.shift, i),
    ),
  };
}

function takeIn(layer: KerasLayerOut, { factor, shift }: Affine): void {
  const [name = 'kernel'] = Object.keys(layer.weights);
  const { kernel = layer.weights[name], bias } = layer.weights;
  if (!kernel) return;
  const { shape } = kernel;
  const [rows = 1, columns = 1] = shape.slice(-2);
  // [KH, KW, O, C] where it is transposed, [KH, KW, C, M] of channels by themselves, [.., O] else.
  const each = layer.className === 'Conv2DTranspose' ? columns : 1;
  const count =
    { Conv2DTranspose: rows, DepthwiseConv2D: rows * columns }[layer.className] ?? columns;
  const data = new Float32Array(kernel.data.length);
  for (let i = 0, channel = 0; i < data.length; channel = (channel + 1) % count) {
    const times = at(factor, channel);
    for (const end = i + each; i < end; i += 1) data[i] = Number(kernel.data[i]) * times;
  }
  const sums = Float32Array.from({ length: count }, (_, i) => {
    return Number(bias?.data[i] ?? 0) * at(factor, i) + at(shift, i);
  });
  layer.weights = { [name]: { dtype: 'f32', shape, data } };
  if (!bias && sums.every((value) => value === 0)) return;
  layer.weights.bias = { dtype: 'f32', shape: [count], data: sums };
  layer.config.use_bias = true;
}

function realised(layer: KerasLayerOut, writer: LayerWriter): KerasLayerOut[] {
  const { factor, shift } = layer.affine as Affine;
  const source = layer.inputs[0]?.layer;
  layer.affine = undefined;
  if (factor.length === 1 && shift.length === 1) {
    rescale(layer, writer, factor[0] ?? 1, shift[0] ?? 0);
    return [layer];
  }
  const length = Math.max(factor.length, shift.length);
  const column = (value: (i: number) => number) => ({
    dtype: 'f32' as const,
    shape: [length],
    data: Float32Array.from({ length }, (_, i) => value(i)),
  });
  layer.className = 'BatchNormalization';
  layer.name = writer.fresh('batch_normalization');
  layer.config = { axis: -1, epsilon: 0, center: true, scale: true };
  layer.weights = {
    gamma: column((i) => at(factor, i)),
    beta: column((i) => at(shift, i)),
    moving_mean: column(() => 0),
    moving_variance: column(() => 1),
  };
  if (!source?.whole) return [layer];
  const cast = { name: '', className: '', config: {}, inputs: layer.inputs, weights: {} };
  rescale(cast, writer, 1, 0);
  layer.inputs = [{ layer: cast, output: 0 }];
  return [cast, layer];
}

function rescale(layer: KerasLayerOut, writer: LayerWriter, scale: number, offset: number): void {
  layer.className = 'Rescaling';
  layer.name = writer.fresh('rescaling');
  layer.config = { scale, offset };
}
