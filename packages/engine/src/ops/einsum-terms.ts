import { EngineError } from '../engine-error.ts';
import type { Node } from '../node.ts';
import type { Dim } from '../tensor.ts';

/** The subscripts of an einsum: one label for each axis of each operand, and those of the result. */
export interface Terms {
  readonly operands: readonly (readonly string[])[];
  readonly result: readonly string[];
  /** How long the axis of each label is; null for the batch. */
  readonly sizes: ReadonlyMap<string, Dim>;
}

/** Reads 'bij,bjk->bik'; without an arrow, the labels that appear once in the order of the alphabet, as NumPy. */
export function parseTerms(equation: string, xs: readonly Node[]): Terms {
  const text = equation.replaceAll(' ', '');
  if (!/^[A-Za-z.]*(,[A-Za-z.]*)*(->[A-Za-z.]*)?$/.test(text)) {
    throw refused(`'${equation}' is no equation such as 'bij,bjk->bik'`);
  }
  const [left = '', right] = text.split('->');
  const written = left.split(',');
  if (written.length !== xs.length) {
    throw refused(`'${equation}' names ${written.length} operands, not ${xs.length}`);
  }
  const operands = written.map((labels, i) => labelsOf(labels, xs[i] as Node, equation));
  const sizes = sizesOf(operands, xs, equation);
  const all = operands.flat();
  const dots = longestDots(operands);
  const once = [...new Set(all)]
    .filter((label) => label.length === 1 && all.indexOf(label) === all.lastIndexOf(label))
    .sort();
  const result = right === undefined ? [...dots, ...once] : [...expandDots(right, dots, equation)];
  for (const label of result) {
    if (!sizes.has(label)) throw refused(`no operand of '${equation}' has the label '${label}'`);
  }
  if (new Set(result).size !== result.length) {
    throw refused(`the result of '${equation}' has a label twice`);
  }
  return { operands, result, sizes };
}

export function refused(detail: string): EngineError {
  return new EngineError('invalid_attribute', 'einsum', detail);
}

// '...' stands for the axes that have no label, counted from their last: '.0' is the last of them.
function labelsOf(text: string, x: Node, equation: string): string[] {
  const [before = '', after, more] = text.split('...');
  const named = before.length + (after?.length ?? 0);
  const open = x.shape.length - named;
  const fits = after === undefined ? open === 0 : open >= 0;
  if (!fits || more !== undefined || `${before}${after ?? ''}`.includes('.')) {
    throw refused(`'${text}' of '${equation}' does not fit [${x.shape.join(', ')}]`);
  }
  const dots = Array.from({ length: after === undefined ? 0 : open }, (_, i) => `.${open - 1 - i}`);
  return [...before, ...dots, ...(after ?? '')];
}

function longestDots(operands: readonly (readonly string[])[]): string[] {
  const dots = operands.map((labels) => labels.filter((label) => label.startsWith('.')));
  return dots.reduce((a, b) => (b.length > a.length ? b : a), []);
}

function expandDots(text: string, dots: readonly string[], equation: string): string[] {
  const [before = '', after, more] = text.split('...');
  if (more !== undefined || `${before}${after ?? ''}`.includes('.')) {
    throw refused(`'${text}' of '${equation}' has dots that are no ellipsis`);
  }
  return [...before, ...(after === undefined ? [] : dots), ...(after ?? '')];
}

function sizesOf(
  operands: readonly (readonly string[])[],
  xs: readonly Node[],
  equation: string,
): Map<string, Dim> {
  const sizes = new Map<string, Dim>();
  operands.forEach((labels, i) => {
    labels.forEach((label, axis) => {
      const dim = xs[i]?.shape[axis] ?? null;
      const known = sizes.get(label);
      if (known !== undefined && known !== dim) {
        const text = `the label '${label}' of '${equation}' is both ${known ?? 'the batch'} and ${dim ?? 'the batch'} long`;
        throw new EngineError('shape_mismatch', 'einsum', text);
      }
      sizes.set(label, dim);
    });
  });
  return sizes;
}
