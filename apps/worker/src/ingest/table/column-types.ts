import type { ColumnType } from '@vanda/contracts';
import { text } from './duck.ts';

/** How a raw text column becomes a typed one: all of it is SQL over the raw table. */
export type Reading = {
  type: ColumnType;
  /** The typed value, NULL where it is missing or bad. */
  value: string;
  /** True for a value of the type: cheap, and looked at for every row. Undefined where all are. */
  ok: string | undefined;
  /** True where there is a value that is not of the type, and not one that says "missing". */
  bad: string | undefined;
};

/** What people write where a typed value is missing. In text columns only emptiness is. */
const missing = ['na', 'n/a', '#n/a', 'null', 'none', 'nan', '-nan', 'nil', '-', '?', 'missing']
  .map(text)
  .join(', ');

const integerMax = 2 ** 53;

/** Tried in this order; the first that fits the sample is kept for the whole column. */
export const dateFormats = [
  '%m/%d/%Y',
  '%d/%m/%Y',
  '%d.%m.%Y',
  '%Y/%m/%d',
  '%b %d %Y',
  '%b %d, %Y',
  '%B %d, %Y',
  '%d %b %Y',
  '%d-%b-%Y',
  '%d-%b-%y',
] as const;

export const timestampFormats = [
  '%m/%d/%Y %H:%M',
  '%m/%d/%Y %H:%M:%S',
  '%d/%m/%Y %H:%M',
  '%d.%m.%Y %H:%M',
  '%Y/%m/%d %H:%M',
  '%Y/%m/%d %H:%M:%S',
] as const;

/** `column` is the SQL of a text value. */
export function readAs(column: string, type: ColumnType, format?: string): Reading {
  const word = `nullif(trim(${column}), '')`;
  if (type === 'text') return { type, value: word, ok: undefined, bad: undefined };
  const { ok, value } = typed(column, type, format);
  const bad = `(${word} IS NOT NULL AND NOT coalesce(${ok}, false) AND NOT ${isAbsent(column)})`;
  return { type, ok, bad, value };
}

/** True for a word that says "missing"; NULL where there is none. */
export function isAbsent(column: string): string {
  return `(lower(nullif(trim(${column}), '')) IN (${missing}))`;
}

function typed(
  column: string,
  type: Exclude<ColumnType, 'text'>,
  format: string | undefined,
): { ok: string; value: string } {
  switch (type) {
    case 'number': {
      // The cast passes over spaces around a number by itself.
      const number = `TRY_CAST(${column} AS DOUBLE)`;
      const ok = `isfinite(${number})`;
      return { ok, value: `CASE WHEN ${ok} THEN ${number} END` };
    }
    case 'integer': {
      const number = `TRY_CAST(${column} AS DOUBLE)`;
      const whole = `${number} = trunc(${number}) AND abs(${number}) <= ${integerMax}`;
      const ok = `(isfinite(${number}) AND ${whole})`;
      return { ok, value: `CASE WHEN ${ok} THEN TRY_CAST(${number} AS BIGINT) END` };
    }
    case 'boolean': {
      const word = `lower(trim(${column}))`;
      const yes = `${word} IN ('true', 't', 'yes', 'y', '1')`;
      const no = `${word} IN ('false', 'f', 'no', 'n', '0')`;
      return {
        ok: `(${yes} OR ${no})`,
        value: `CASE WHEN ${yes} THEN true WHEN ${no} THEN false END`,
      };
    }
    case 'date':
    case 'timestamp': {
      const word = `trim(${column})`;
      const cast = type.toUpperCase();
      const parsed = format
        ? `TRY_CAST(try_strptime(${word}, ${text(format)}) AS ${cast})`
        : `TRY_CAST(${word} AS ${cast})`;
      // Infinity is a date to the database, and to nobody else.
      const ok = `isfinite(${parsed})`;
      return { ok, value: `CASE WHEN ${ok} THEN ${parsed} END` };
    }
  }
}

/** What a value that does not fit is not, for the sentence of its rejection. */
export const typeNouns: Record<ColumnType, string> = {
  number: 'a finite number',
  integer: 'an integer',
  boolean: 'true or false',
  date: 'a date',
  timestamp: 'a timestamp',
  text: 'text',
};
