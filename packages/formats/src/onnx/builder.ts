import type { Node, Tensor } from '@vanda/engine';
import { Graph, tensor } from '@vanda/engine';
import { FormatError } from '../format-error.ts';
import type { OnnxDim } from './dims.ts';
import { dimsText, OpenDim, plainOrder, sameOrder } from './dims.ts';
import { permuted } from './permute.ts';
import type { Filled, Flow, Known, Stored, Value } from './value.ts';
import { dimsOf } from './value.ts';

/** Elements of all tensors together that are computed while a file is read. */
const COMPUTED_MAX = 1 << 25;

/**
 * Builds the graph. A value keeps how its axes lie in memory, so that ONNX's channels-first pictures stay channels-last
 * from one layer to the next, and elements move only where an operator needs them in another order.
 */
export class Builder {
  readonly graph = new Graph();
  readonly #made = new Map<Stored, Flow>();
  readonly #trainable: (name: string) => boolean;
  #computed = 0;
  /** An input with an open batch: where the batch's size can be had. */
  batch: Node | undefined;

  constructor(options: { trainable?: (name: string) => boolean } = {}) {
    this.#trainable = options.trainable ?? (() => true);
  }

  /** Counts what is computed at import, so that many small nodes together cannot fill the memory. */
  spend(elements: number): void {
    this.#computed += elements;
    if (this.#computed <= COMPUTED_MAX) return;
    throw new FormatError('ONNX', 'graph', 'its shape arithmetic holds too many numbers');
  }

  /** A result in its storage; `from` say what the open dim counts. */
  flow(node: Node, order: readonly number[], ...from: readonly Value[]): Flow {
    if (node.shape.length !== order.length) {
      throw new FormatError('ONNX', node.op, `made ${node.shape.length} dims, not ${order.length}`);
    }
    return { kind: 'flow', node, order, times: timesOf(from) };
  }

  /** A result whose storage is ONNX's own order. */
  plainFlow(node: Node, ...from: readonly Value[]): Flow {
    return this.flow(node, plainOrder(node.shape.length), ...from);
  }

  /** A value as a node of the graph in whichever order it has; a weight that is first used here gets `preferred`. */
  asFlow(value: Value, preferred?: readonly number[]): Flow {
    switch (value.kind) {
      case 'flow':
        return value;
      case 'known':
        return this.plainFlow(this.#constant(value));
      case 'filled':
        return this.#filled(value);
      case 'stored':
        return this.#stored(value, preferred ?? plainOrder(value.tensor.shape.length));
    }
  }

  /** The node whose axis k is axis order[k] of the value. */
  inOrder(value: Value, order: readonly number[]): Node {
    const flow = this.asFlow(value, order);
    if (sameOrder(flow.order, order)) return flow.node;
    const permutation = order.map((axis) => flow.order.indexOf(axis));
    const { shape } = flow.node;
    // Axes of one element may go anywhere: what is left lies as before.
    const moved = permutation.filter((place) => shape[place] !== 1);
    if (moved.every((place, i) => i === 0 || place > (moved[i - 1] ?? 0))) {
      return this.reshapeTo(
        flow.node,
        permutation.map((place) => shape[place] ?? new OpenDim()),
      );
    }
    return this.graph.transpose(flow.node, permutation);
  }

  plain(value: Value): Node {
    return this.inOrder(value, plainOrder(dimsOf(value).length));
  }

  /** A reshape whose one open dim is inferred. */
  reshapeTo(node: Node, dims: readonly OnnxDim[]): Node {
    const same =
      dims.length === node.shape.length &&
      dims.every((dim, axis) => (typeof dim === 'number' ? dim : null) === node.shape[axis]);
    if (same) return node;
    return this.graph.reshape(
      node,
      dims.map((dim) => (typeof dim === 'number' ? dim : -1)),
    );
  }

  /** A tensor of the file in a form of its own, such as the gates of a recurrent layer in the engine's order. */
  variable(name: string, value: Tensor, options: { frozen?: boolean } = {}): Node {
    if (this.graph.has(name)) return this.graph.byName(name);
    const trainable = !options.frozen && this.#trainable(name);
    return this.graph.variable(name, value.shape, value, { trainable });
  }

  /** Where a value of some shape that holds the batch takes the batch from; of the result only the shape counts. */
  batchLike(dims: readonly OnnxDim[]): Node {
    const at = dims.findIndex((dim) => typeof dim !== 'number');
    if (!this.batch || at < 0) {
      throw new FormatError('ONNX', 'graph', `nothing here has the batch of ${dimsText(dims)}`);
    }
    const times = (dims[at] as OpenDim).times;
    const rank = this.batch.shape.length;
    const first = this.graph.slice(this.batch, new Array(rank).fill(0), [
      -1,
      ...new Array(rank - 1).fill(1),
    ]);
    const column = this.graph.cast(this.graph.reshape(first, [-1, 1]), 'f32');
    const rows = this.graph.add(column, this.#zeros([1, times]));
    const placed = this.graph.reshape(
      rows,
      dims.map((_, axis) => (axis === at ? -1 : 1)),
    );
    const others = dims.map((dim) => (typeof dim === 'number' ? dim : 1));
    return this.graph.add(placed, this.#zeros(others));
  }

  #zeros(shape: readonly number[]): Node {
    return this.graph.expand(this.graph.constant(0), shape);
  }

  #constant(value: Known): Node {
    const numbers = value.data.map((element) => {
      if (typeof element === 'number') return element;
      throw new FormatError(
        'ONNX',
        'graph',
        'the size of the batch is used as a number of the network',
      );
    });
    const { dtype, dims } = value;
    if (dtype === 'i64') {
      const data = BigInt64Array.from(numbers, asInt64);
      return this.graph.constant({ dtype, shape: dims, data });
    }
    return this.graph.constant(tensor(numbers, dims, dtype));
  }

  #filled(value: Filled): Flow {
    const one = this.graph.constant(tensor([value.fill], [], value.dtype));
    const like = this.batchLike(value.dims);
    return this.plainFlow(this.graph.emit('expand_like', [one, like]), value);
  }

  #stored(value: Stored, order: readonly number[]): Flow {
    const made = this.#made.get(value);
    if (made) return made;
    const { tensor: given, name } = value;
    const shape = order.map((axis) => given.shape[axis] ?? 1);
    const data = sameOrder(order, plainOrder(order.length))
      ? given.data
      : permuted(given.data, given.shape, order);
    const laid = { dtype: given.dtype, shape, data };
    const node = value.weight ? this.variable(name, laid, value) : this.graph.constant(laid);
    const flow = this.flow(node, order);
    this.#made.set(value, flow);
    return flow;
  }
}

function timesOf(values: readonly Value[]): number {
  for (const value of values) {
    const open = dimsOf(value).find((dim) => typeof dim !== 'number');
    if (open instanceof OpenDim) return open.times;
  }
  return 1;
}

/** ONNX writes the end of a slice as the largest integer, which a number of JavaScript rounds up. */
function asInt64(value: number): bigint {
  if (value >= 2 ** 63) return 2n ** 63n - 1n;
  return value <= -(2 ** 63) ? -(2n ** 63n) : BigInt(Math.trunc(value));
}
