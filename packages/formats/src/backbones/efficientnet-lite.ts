import type { Node } from '@vanda/engine';
import { Graph } from '@vanda/engine';
import type { ImportedNetwork, NamedTensors } from '../imported-network.ts';
import type { WeightPlace } from '../match-weights.ts';
import { matchWeights } from '../match-weights.ts';

const SIZE = 224;
const CLASSES = 1000;
const EPSILON = 1e-3;
/** PyTorch's [O, I, KH, KW] in the engine's order. */
const CONV = [2, 3, 1, 0];
const DEPTHWISE = [2, 3, 0, 1];

/** Stages of blocks: how many, kernel size, stride of the first, expansion, channels. */
const STAGES = [
  [1, 3, 1, 1, 16],
  [2, 3, 2, 6, 24],
  [2, 5, 2, 6, 40],
  [3, 3, 2, 6, 80],
  [3, 5, 1, 6, 112],
  [4, 5, 2, 6, 192],
  [1, 3, 1, 6, 320],
] as const;

/**
 * EfficientNet-Lite0 with the weights of a PyTorch state dict: pictures [N, 224, 224, 3] of (pixel - 127) / 128 ->
 * features [N, 1280] and logits [N, 1000] (Tan and Le, 2019, without squeeze-and-excitation and with relu6, as
 * TensorFlow's tpu/models/official/efficientnet/lite has it). Each variable is filled from the tensor of its own place.
 */
export function importEfficientNetLite0(tensors: NamedTensors): ImportedNetwork {
  const graph = new Graph();
  const image = graph.placeholder('image', [null, SIZE, SIZE, 3]);
  const layout = new Layout(graph);
  const logits = layout.network(image);
  const placeOf = (name: string) => layout.weights.get(name) as WeightPlace;
  const unused = (name: string) => name.endsWith('.num_batches_tracked');
  const values = matchWeights(graph.variables, tensors, placeOf, { unused });
  for (const [name, value] of Object.entries(values)) graph.initialValues.set(name, value);
  return { graph, inputs: { image }, outputs: { logits }, places: layout.places, metadata: {} };
}

class Layout {
  readonly weights = new Map<string, WeightPlace>();
  readonly places = new Map<string, Node>();
  readonly #graph: Graph;

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  network(image: Node): Node {
    const g = this.#graph;
    let x = this.#conv('stem', image, '_conv_stem', '_bn0', { size: 3, stride: 2, filters: 32 });
    let index = 0;
    for (const [count, size, stride, expansion, filters] of STAGES) {
      for (let i = 0; i < count; i += 1) {
        x = this.#block(index, x, { size, stride: i === 0 ? stride : 1, expansion, filters });
        index += 1;
      }
    }
    x = this.#conv('head', x, '_conv_head', '_bn1', { size: 1, stride: 1, filters: 1280 });
    const features = g.globalAvgPool2d(x);
    this.places.set('features', features);
    const weight = this.#weight('classes/kernel', [1280, CLASSES], '_fc.weight', [1, 0]);
    const logits = g.dense(features, weight, this.#weight('classes/bias', [CLASSES], '_fc.bias'));
    this.places.set('logits', logits);
    return logits;
  }

  /** Sandler et al., 2018: wide, each channel by itself, narrow; a shortcut where both ends are alike. */
  #block(
    index: number,
    x: Node,
    of: { size: number; stride: number; expansion: number; filters: number },
  ): Node {
    const g = this.#graph;
    const [name, torch] = [`block_${index}`, `_blocks.${index}.`];
    const channels = x.shape[3] as number;
    const wide = channels * of.expansion;
    const expand = { size: 1, stride: 1, filters: wide };
    const expanded =
      of.expansion === 1
        ? x
        : this.#conv(`${name}/expand`, x, `${torch}_expand_conv`, `${torch}_bn0`, expand);
    const kernel = this.#weight(
      `${name}/depthwise/kernel`,
      [of.size, of.size, wide, 1],
      `${torch}_depthwise_conv.weight`,
      DEPTHWISE,
    );
    const filtered = g.depthwiseConv2d(expanded, kernel, undefined, {
      stride: of.stride,
      padding: 'same',
    });
    const deep = g.relu6(this.#norm(`${name}/depthwise`, filtered, `${torch}_bn1`));
    const narrow = this.#pointwise(`${name}/project`, deep, `${torch}_project_conv`, of.filters);
    const y = this.#norm(`${name}/project`, narrow, `${torch}_bn2`);
    const result = of.stride === 1 && channels === of.filters ? g.add(y, x) : y;
    this.places.set(name, result);
    return result;
  }

  #pointwise(name: string, x: Node, torch: string, filters: number): Node {
    const shape = [1, 1, x.shape[3] as number, filters];
    return this.#graph.conv2d(x, this.#weight(`${name}/kernel`, shape, `${torch}.weight`, CONV));
  }

  /** Convolution, normalisation, relu6. */
  #conv(
    name: string,
    x: Node,
    torch: string,
    norm: string,
    { size, stride, filters }: { size: number; stride: number; filters: number },
  ): Node {
    const shape = [size, size, x.shape[3] as number, filters];
    const kernel = this.#weight(`${name}/kernel`, shape, `${torch}.weight`, CONV);
    const y = this.#graph.conv2d(x, kernel, undefined, { stride, padding: 'same' });
    const result = this.#graph.relu6(this.#norm(name, y, norm));
    this.places.set(name, result);
    return result;
  }

  #norm(name: string, x: Node, torch: string): Node {
    const shape = [x.shape[3] as number];
    const weight = (own: string, theirs: string, trainable = true) =>
      this.#weight(`${name}/${own}`, shape, `${torch}.${theirs}`, undefined, trainable);
    return this.#graph.batchNorm(
      x,
      weight('scale', 'weight'),
      weight('shift', 'bias'),
      weight('mean', 'running_mean', false),
      weight('variance', 'running_var', false),
      { epsilon: EPSILON },
    );
  }

  #weight(
    name: string,
    shape: readonly number[],
    tensor: string,
    permutation?: readonly number[],
    trainable = true,
  ): Node {
    this.weights.set(name, { tensor, permutation });
    return this.#graph.variable(name, shape, { kind: 'zeros' }, { trainable });
  }
}
