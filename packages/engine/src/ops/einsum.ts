import type { Node } from '../node.ts';
import type { Dim } from '../tensor.ts';
import type { Terms } from './einsum-terms.ts';
import { parseTerms, refused } from './einsum-terms.ts';
import { LossOps } from './loss.ts';

/** A value with a label for each of its axes. */
interface Labelled {
  readonly node: Node;
  readonly labels: readonly string[];
}

/** Einstein's sums. */
export class EinsumOps extends LossOps {
  /**
   * Products and sums by labels, as NumPy's einsum: 'bij,bjk->bik' is a batched matrix product, 'ii->' a trace. A label
   * that the result lacks is summed over, one that an operand has twice takes its diagonal, '...' stands for axes without
   * a label. Several operands are joined from left to right, each pair by one batched matrix product.
   */
  einsum(equation: string, ...xs: readonly Node[]): Node {
    const terms = parseTerms(equation, xs);
    const operands = xs.map((node, i) => this.#diagonals(node, terms.operands[i] ?? []));
    const [first, ...rest] = operands;
    if (!first) throw refused('takes at least one operand');
    const joined = rest.reduce((left, right, i) => {
      const later = new Set([...terms.result, ...rest.slice(i + 1).flatMap((x) => x.labels)]);
      return this.#join(left, right, later, terms);
    }, first);
    return this.#arranged(this.#summed(joined, new Set(terms.result)), terms.result);
  }

  // A label that appears twice: both axes are laid beside each other and every (n + 1)-th element is taken.
  #diagonals(node: Node, labels: readonly string[]): Labelled {
    const twice = labels.find((label, axis) => labels.indexOf(label) !== axis);
    if (twice === undefined) return { node, labels };
    const [a, b] = [labels.indexOf(twice), labels.lastIndexOf(twice)];
    const others = labels.flatMap((_, axis) => (axis === a || axis === b ? [] : [axis]));
    const size = node.shape[a];
    if (typeof size !== 'number') throw refused('the batch has no diagonal');
    const last = this.transpose(node, [...others, a, b]);
    const dims = others.map((axis) => node.shape[axis] ?? null);
    const flat = this.reshape(last, this.#wanted([...dims, size * size]));
    const diagonal = this.stridedSlice(flat, [...others.map(() => null), [null, null, size + 1]]);
    return this.#diagonals(diagonal, [...others.map((axis) => labels[axis] as string), twice]);
  }

  #summed(x: Labelled, wanted: ReadonlySet<string>): Labelled {
    const gone = x.labels.flatMap((label, axis) => (wanted.has(label) ? [] : [axis]));
    if (gone.length === 0) return x;
    return { node: this.sum(x.node, gone), labels: x.labels.filter((label) => wanted.has(label)) };
  }

  #join(left: Labelled, right: Labelled, later: ReadonlySet<string>, terms: Terms): Labelled {
    const a = this.#summed(left, new Set([...later, ...right.labels]));
    const b = this.#summed(right, new Set([...later, ...a.labels]));
    const both = a.labels.filter((label) => b.labels.includes(label));
    const batch = both.filter((label) => later.has(label));
    const inner = both.filter((label) => !later.has(label));
    const rows = a.labels.filter((label) => !both.includes(label));
    const columns = b.labels.filter((label) => !both.includes(label));
    const size = (labels: readonly string[]) =>
      labels.map((label) => terms.sizes.get(label) ?? null);
    const labels = [...batch, ...rows, ...columns];
    const x = this.#grouped(a, [batch, rows, inner], size);
    const y = this.#grouped(b, [batch, inner, columns], size);
    const product =
      inner.length > 0 && batch.length === 0
        ? this.matmul(this.squeeze(x, 0), this.squeeze(y, 0))
        : inner.length > 0
          ? this.matmul(x, y)
          : this.mul(x, y);
    return { node: this.reshape(product, this.#wanted(size(labels))), labels };
  }

  // The axes of a value as groups, each flattened to one axis.
  #grouped(
    x: Labelled,
    groups: readonly (readonly string[])[],
    size: (labels: readonly string[]) => Dim[],
  ): Node {
    const arranged = this.#arranged(x, groups.flat());
    const dims = groups.map((labels) =>
      size(labels).reduce<Dim>(
        (total, dim) => (total === null || dim === null ? null : total * dim),
        1,
      ),
    );
    return this.reshape(arranged, this.#wanted(dims));
  }

  #arranged(x: Labelled, labels: readonly string[]): Node {
    const order = labels.map((label) => x.labels.indexOf(label));
    return order.every((from, to) => from === to) ? x.node : this.transpose(x.node, order);
  }

  #wanted(dims: readonly Dim[]): number[] {
    if (dims.filter((dim) => dim === null).length > 1) {
      throw refused('only one axis of an operand may be the batch');
    }
    return dims.map((dim) => dim ?? -1);
  }
}
