import { EngineError } from '../engine-error.ts';
import type { Node } from '../node.ts';
import { tensor } from '../tensor.ts';
import { NormOps } from './norm.ts';
import { knownDims } from './window.ts';

/** [before, after] for each axis. */
export type Borders = readonly (readonly [before: number, after: number])[];

/** Movements of elements that are composed of others. */
export class RearrangeOps extends NormOps {
  /** Blocks of places become channels: [N, H, W, C] -> [N, H / b, W / b, b b C], rows of a block first. */
  spaceToDepth(x: Node, block: number): Node {
    const [height, width, channels] = this.#pictures('spaceToDepth', x, block);
    if (height % block !== 0 || width % block !== 0) {
      const text = `pictures of ${height} x ${width} have no whole blocks of ${block}`;
      throw new EngineError('shape_mismatch', 'spaceToDepth', text);
    }
    const [rows, columns] = [height / block, width / block];
    const split = this.reshape(x, [-1, rows, block, columns, block, channels]);
    const moved = this.transpose(split, [0, 1, 3, 2, 4, 5]);
    return this.reshape(moved, [0, rows, columns, block * block * channels]);
  }

  /** The opposite of spaceToDepth: [N, H, W, b b C] -> [N, H b, W b, C]; ONNX calls this order DCR. */
  depthToSpace(x: Node, block: number): Node {
    const [height, width, depth] = this.#pictures('depthToSpace', x, block);
    const channels = depth / (block * block);
    if (!Number.isInteger(channels)) {
      const text = `${depth} channels do not make blocks of ${block} x ${block}`;
      throw new EngineError('shape_mismatch', 'depthToSpace', text);
    }
    const split = this.reshape(x, [-1, height, width, block, block, channels]);
    const moved = this.transpose(split, [0, 1, 3, 2, 4, 5]);
    return this.reshape(moved, [0, height * block, width * block, channels]);
  }

  /** A border that mirrors what lies inside, without the edge itself: 3 2 | 1 2 3 | 2 1. Smaller than its axis. */
  padReflect(x: Node, borders: Borders): Node {
    return this.#bordered(
      'padReflect',
      x,
      borders,
      (size) => size - 1,
      (place, size) => {
        const folded = Math.abs(place);
        return folded < size ? folded : 2 * (size - 1) - folded;
      },
    );
  }

  /** A border that repeats the edge: 1 1 | 1 2 3 | 3 3. */
  padEdge(x: Node, borders: Borders): Node {
    return this.#bordered(
      'padEdge',
      x,
      borders,
      () => 2 ** 20,
      (place, size) => Math.min(Math.max(place, 0), size - 1),
    );
  }

  #bordered(
    op: string,
    x: Node,
    borders: Borders,
    largest: (size: number) => number,
    from: (place: number, size: number) => number,
  ): Node {
    if (borders.length !== x.shape.length) {
      const text = `needs [before, after] for each of ${x.shape.length} axes, not ${borders.length}`;
      throw new EngineError('invalid_attribute', op, text);
    }
    return borders.reduce((padded, [before, after], axis) => {
      if (before === 0 && after === 0) return padded;
      const size = x.shape[axis] ?? 0;
      const fits = (border: number) =>
        Number.isSafeInteger(border) && border >= 0 && border <= largest(size);
      if (size === 0 || !fits(before) || !fits(after)) {
        const text = `an axis of ${x.shape[axis] ?? 'the batch'} takes no border of [${before}, ${after}]`;
        throw new EngineError('invalid_attribute', op, text);
      }
      const places = Int32Array.from({ length: before + size + after }, (_, i) =>
        from(i - before, size),
      );
      return this.take(padded, this.constant(tensor(places)), axis);
    }, x);
  }

  #pictures(op: string, x: Node, block: number): [number, number, number] {
    if (!Number.isSafeInteger(block) || block < 1) {
      const text = `the block must be a whole number of at least 1, not ${block}`;
      throw new EngineError('invalid_attribute', op, text);
    }
    return knownDims(x, op, '[N, H, W, C]') as [number, number, number];
  }
}
