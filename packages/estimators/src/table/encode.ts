import { type Feeds, tensor } from '@vanda/engine/serving';
import { datePart } from './date-parts.ts';
import {
  type CategoryRule,
  categoryRows,
  encodedWidths,
  type FeatureRule,
  numericInputs,
  type Scale,
  type TablePreprocessing,
} from './preprocessing.ts';

/** A scaled value is kept within this many deviations: one absurd cell must not blow up a whole batch. */
const deviationsMax = 20;

/** One value of one row: a number (NaN is missing) or a text (null is missing), as the column's kind wants. */
export type CellValue = number | string | null;

export interface EncodedRows {
  numeric: Float32Array;
  oneHot: Int32Array;
  embedding: Int32Array;
}

/** Where a feature's inputs lie in an encoded row. */
interface Place {
  rule: FeatureRule;
  /** The first numeric input, or the place among the category columns of its encoding. */
  at: number;
  /** Of a category: the first row of its block in the shared table. */
  firstRow: number;
  codes: Map<string, number> | null;
}

/** Turns rows into a network's inputs. The one function for training and serving, so that both see the same. */
export class RowEncoder {
  readonly widths;
  readonly #places: Place[] = [];

  constructor(preprocessing: TablePreprocessing) {
    this.widths = encodedWidths(preprocessing);
    let numeric = 0;
    const next = { oneHot: { at: 0, row: 0 }, embedding: { at: 0, row: 0 } };
    for (const rule of preprocessing.features) {
      if (rule.kind === 'category') {
        const place = next[rule.encoding];
        this.#places.push({ rule, at: place.at, firstRow: place.row, codes: codesOf(rule) });
        place.at += 1;
        place.row += categoryRows(rule);
      } else {
        this.#places.push({ rule, at: numeric, firstRow: 0, codes: null });
        numeric += numericInputs(rule);
      }
    }
  }

  get features(): number {
    return this.#places.length;
  }

  allocate(rows: number): EncodedRows {
    return {
      numeric: new Float32Array(rows * this.widths.numeric),
      oneHot: new Int32Array(rows * this.widths.oneHot.columns),
      embedding: new Int32Array(rows * this.widths.embedding.columns),
    };
  }

  /** Writes one feature of one row. */
  encode(feature: number, value: CellValue, row: number, out: EncodedRows): void {
    const place = this.#places[feature];
    if (place === undefined) return;
    const { rule } = place;
    if (rule.kind === 'category') {
      const columns = this.widths[rule.encoding].columns;
      out[rule.encoding][row * columns + place.at] =
        place.firstRow + codeOf(rule, place.codes, value);
      return;
    }
    const number = typeof value === 'number' ? value : Number.NaN;
    const known = Number.isFinite(number);
    let at = row * this.widths.numeric + place.at;
    if (rule.kind === 'date') {
      for (const { part, scale } of rule.parts) {
        out.numeric[at++] = known ? scaled(datePart(part, number), scale) : 0;
      }
    } else {
      out.numeric[at++] = known ? scaled(number, rule.scale) : 0;
    }
    if (rule.missing) out.numeric[at] = known ? 0 : 1;
  }
}

/** A missing number becomes the mean, which is zero here; its indicator says that it was missing. */
function scaled(value: number, { mean, deviation }: Scale): number {
  const deviations = (value - mean) / deviation;
  return Math.max(-deviationsMax, Math.min(deviationsMax, deviations));
}

function codesOf(rule: CategoryRule): Map<string, number> {
  const first = rule.missing ? 2 : 1;
  return new Map(rule.values.map((value, index) => [value, first + index]));
}

function codeOf(rule: CategoryRule, codes: Map<string, number> | null, value: CellValue): number {
  if (typeof value === 'string') return codes?.get(value) ?? 0;
  return rule.missing ? 1 : 0;
}

/** Encoded rows by the names of a network's inputs; it has none of a kind that no feature is of. */
export function tableFeeds({ widths }: RowEncoder, encoded: EncodedRows, rows: number): Feeds {
  const { oneHot, embedding } = widths;
  return {
    ...(widths.numeric > 0 ? { numeric: tensor(encoded.numeric, [rows, widths.numeric]) } : {}),
    ...(oneHot.columns > 0 ? { oneHot: tensor(encoded.oneHot, [rows, oneHot.columns]) } : {}),
    ...(embedding.columns > 0
      ? { embedding: tensor(encoded.embedding, [rows, embedding.columns]) }
      : {}),
  };
}
