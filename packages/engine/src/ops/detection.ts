import { EngineError } from '../engine-error.ts';
import type { Node } from '../node.ts';
import { SpectrumOps } from './spectrum.ts';

export interface SuppressionOptions {
  /** How many places there are in the result, whatever is found. */
  size: number;
  /** A box that shares more than this part of the union with a better one is left out. */
  overlap?: number;
  /** A box of no higher score is left out. */
  scoreThreshold?: number;
}

/** Boxes [y1, x1, y2, x2] with y1 <= y2 and x1 <= x2. */
export class DetectionOps extends SpectrumOps {
  /** The shared part of the union of each box with each other: [..., A, 4] and [..., B, 4] -> [..., A, B]. */
  boxOverlap(a: Node, b: Node): Node {
    const left = this.#corners('boxOverlap', a).map((x) => this.expandDims(x, -1));
    const right = this.#corners('boxOverlap', b).map((x) => this.expandDims(x, -2));
    const [top, start, bottom, end] = left as [Node, Node, Node, Node];
    const [other, from, below, to] = right as [Node, Node, Node, Node];
    const height = this.relu(this.sub(this.minimum(bottom, below), this.maximum(top, other)));
    const width = this.relu(this.sub(this.minimum(end, to), this.maximum(start, from)));
    const shared = this.mul(height, width);
    const area = (y1: Node, x1: Node, y2: Node, x2: Node) =>
      this.mul(this.sub(y2, y1), this.sub(x2, x1));
    const union = this.sub(
      this.add(area(top, start, bottom, end), area(other, from, below, to)),
      shared,
    );
    return this.div(shared, this.maximum(union, 1e-12));
  }

  /**
   * Boxes out of what a network says of its anchors: codes [..., 4] of (dy, dx, dh, dw), anchors [..., 4] of corners. The
   * centre moves by dy and dx times the anchor's size, which grows by exp(dh) and exp(dw) (Ren et al., 2015); `scales`
   * divide the codes first.
   */
  decodeBoxes(
    codes: Node,
    anchors: Node,
    options: { scales?: readonly [number, number, number, number] } = {},
  ): Node {
    const [sy, sx, sh, sw] = options.scales ?? [1, 1, 1, 1];
    const [dy, dx, dh, dw] = this.#corners('decodeBoxes', codes);
    const [y1, x1, y2, x2] = this.#corners('decodeBoxes', anchors);
    const side = (low: Node, high: Node, move: Node, grow: Node, scale: number, by: number) => {
      const size = this.sub(high, low);
      const centre = this.add(
        this.mul(this.add(low, high), 0.5),
        this.mul(this.mul(move, 1 / scale), size),
      );
      const half = this.mul(this.mul(size, this.exp(this.mul(grow, 1 / by))), 0.5);
      return [this.sub(centre, half), this.add(centre, half)] as const;
    };
    const [top, bottom] = side(y1, y2, dy, dh, sy, sh);
    const [left, right] = side(x1, x2, dx, dw, sx, sw);
    return this.stack([top, left, bottom, right], -1);
  }

  /**
   * The best boxes without those that overlap a better one: boxes [N, B, 4], scores [N, B] -> their places [N, size], best
   * first, zeros behind the last one, and how many there are [N].
   */
  nonMaxSuppression(
    boxes: Node,
    scores: Node,
    options: SuppressionOptions,
  ): { indices: Node; count: Node } {
    const [indices, count] = this.emitAll('non_max_suppression', [boxes, scores], {
      size: options.size,
      overlap: options.overlap ?? 0.5,
      scoreThreshold: options.scoreThreshold ?? -1e30,
    }) as [Node, Node];
    return { indices, count };
  }

  #corners(op: string, x: Node): [Node, Node, Node, Node] {
    if (x.shape.at(-1) !== 4) {
      throw new EngineError('shape_mismatch', op, `takes [..., 4], not [${x.shape.join(', ')}]`);
    }
    const others = x.shape.slice(1).map(() => null);
    return [0, 1, 2, 3].map((k) =>
      this.squeeze(this.stridedSlice(x, [...others, [k, k + 1]]), -1),
    ) as [Node, Node, Node, Node];
  }
}
