import type { DatePart } from './date-parts.ts';

/** y = (x - mean) / deviation */
export interface Scale {
  mean: number;
  deviation: number;
}
interface ColumnRule {
  name: string;
  /** Whether it had missing values in training; then "missing" is an input of its own. */
  missing: boolean;
}
export interface NumberRule extends ColumnRule {
  kind: 'number' | 'boolean';
  scale: Scale;
  example: number;
}
export interface DateRule extends ColumnRule {
  kind: 'date';
  parts: { part: DatePart; scale: Scale }[];
  /** Milliseconds since 1970. */
  example: number;
  /** Whether the time of the day was told. */
  time: boolean;
}
export interface CategoryRule extends ColumnRule {
  kind: 'category';
  /** One-hot for few values, a learned embedding for many. */
  encoding: 'oneHot' | 'embedding';
  /** Most frequent first. */
  values: string[];
}
export type FeatureRule = NumberRule | DateRule | CategoryRule;

/**
 * What was learned about the columns from the training rows alone; stored in the artifact, so that serving does
 * to a row exactly what training did.
 */
export interface TablePreprocessing {
  features: FeatureRule[];
}

/** How wide the encoded inputs are. */
export interface EncodedWidths {
  /** Float32 inputs of a row. */
  numeric: number;
  /** Category columns of each encoding, and rows of the table that all of them index. */
  oneHot: { columns: number; rows: number };
  embedding: { columns: number; rows: number };
}

/** Of a category's block in the table: unknown, then missing where it occurred, then the values. */
export function categoryRows(rule: CategoryRule): number {
  return 1 + (rule.missing ? 1 : 0) + rule.values.length;
}

export function numericInputs(rule: FeatureRule): number {
  if (rule.kind === 'category') return 0;
  return (rule.kind === 'date' ? rule.parts.length : 1) + (rule.missing ? 1 : 0);
}

export function encodedWidths({ features }: TablePreprocessing): EncodedWidths {
  const widths: EncodedWidths = {
    numeric: 0,
    oneHot: { columns: 0, rows: 0 },
    embedding: { columns: 0, rows: 0 },
  };
  for (const rule of features) {
    widths.numeric += numericInputs(rule);
    if (rule.kind !== 'category') continue;
    widths[rule.encoding].columns += 1;
    widths[rule.encoding].rows += categoryRows(rule);
  }
  return widths;
}
