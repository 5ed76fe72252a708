import { VandaError } from '@vanda/contracts';
import type { CellValue } from './encode.ts';
import { display } from './learn-preprocessing.ts';
import { parseMoment } from './parse-moment.ts';
import type { FeatureRule, TablePreprocessing } from './preprocessing.ts';

/** Reads a request's row into one value a feature, or says which field of which instance is wrong. */
export function parseRow(
  { features }: TablePreprocessing,
  instance: unknown,
  index: number,
): CellValue[] {
  if (typeof instance !== 'object' || instance === null || Array.isArray(instance)) {
    throw refusal(
      index,
      `must be an object of columns, like {${display(features[0]?.name ?? 'column')}: …}`,
    );
  }
  const row = instance as Record<string, unknown>;
  return features.map((rule) => {
    if (!Object.hasOwn(row, rule.name) || row[rule.name] === undefined) {
      if (rule.missing) return null;
      throw refusal(index, `has no column ${display(rule.name)}, which the model needs`);
    }
    const value = row[rule.name];
    return value === null || saysMissing(rule, value) ? null : parseCell(rule, value, index);
  });
}

/** What people write in a table where a value is missing, as ingest understands it; in texts only emptiness is. */
const missingWords = new Set([
  '',
  'na',
  'n/a',
  '#n/a',
  'null',
  'none',
  'nan',
  '-nan',
  'nil',
  '-',
  '?',
  'missing',
]);

function saysMissing(rule: FeatureRule, value: unknown): boolean {
  if (typeof value !== 'string' || value.length > 100) return false;
  const word = value.trim().toLowerCase();
  return rule.kind === 'category' ? word === '' : missingWords.has(word);
}

const booleanWords = new Map(
  Object.entries({ true: 1, t: 1, yes: 1, y: 1, 1: 1, false: 0, f: 0, no: 0, n: 0, 0: 0 }),
);

function parseCell(rule: FeatureRule, value: unknown, index: number): CellValue {
  const wrong = (expected: string) =>
    refusal(index, `, column ${display(rule.name)}: must be ${expected}, not ${described(value)}`);
  switch (rule.kind) {
    case 'number': {
      const number = typeof value === 'string' ? parseNumber(value) : value;
      if (typeof number !== 'number') throw wrong('a number');
      return number;
    }
    case 'boolean': {
      if (value === true || value === 1) return 1;
      if (value === false || value === 0) return 0;
      const word = typeof value === 'string' ? value.trim().toLowerCase() : '';
      const known = booleanWords.get(word);
      if (known === undefined) throw wrong('true or false');
      return known;
    }
    case 'date': {
      if (typeof value !== 'string' && typeof value !== 'number') throw wrong('a date');
      const moment = parseMoment(value);
      if (Number.isNaN(moment) && typeof value === 'string') {
        throw wrong('a date like "2024-05-31" or "2024-05-31T12:00:00Z"');
      }
      return moment;
    }
    case 'category':
      if (typeof value === 'string') return value.replaceAll(/^ +| +$/g, '');
      if (typeof value === 'number' || typeof value === 'boolean') return String(value);
      throw wrong('a text');
  }
}

/** Decimal notation only: Number() alone would also read "", "0x10" and "Infinity". */
function parseNumber(text: string): number | null {
  const trimmed = text.trim();
  return trimmed.length <= 400 && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed)
    ? Number(trimmed)
    : null;
}

function described(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'string') return display(value);
  return String(value);
}

function refusal(index: number, what: string): VandaError {
  const sentence = `Instance ${index}${what.startsWith(',') ? '' : ' '}${what}.`;
  return new VandaError('invalid-request', sentence, [
    { pointer: `/instances/${index}`, message: sentence },
  ]);
}
