import type { ColumnProfile } from '@vanda/contracts';
import {
  CategoryStatistics,
  type ColumnStatistics,
  DateStatistics,
  distinctMax,
  NumberStatistics,
} from './column-statistics.ts';
import { type DatePart, dateParts } from './date-parts.ts';
import type { DuckDb } from './duckdb.ts';
import type { CategoryRule, DateRule, FeatureRule, TablePreprocessing } from './preprocessing.ts';
import { scanTable } from './scan.ts';

/** Above, a text column gets a learned embedding in place of one input a value. */
const oneHotMax = 64;
/** A text column with more values than `few` needs this many rows a value to be worth learning from. */
const rowsPerValueMin = 4;
const fewValues = 20;
/** Rarer values share the unknown bucket, which is how that bucket is trained. */
const valueCountMin = 2;

/**
 * Learns from the training rows how each column becomes inputs. Columns that say nothing are left out, each with
 * a warning.
 */
export async function learnPreprocessing(
  database: DuckDb,
  files: readonly string[],
  columns: readonly ColumnProfile[],
  trains: (row: number) => boolean,
  signal: AbortSignal,
): Promise<{ preprocessing: TablePreprocessing; warnings: string[] }> {
  const statistics = columns.map((column) => statisticsFor(column));
  for await (const rows of scanTable(database, files, columns)) {
    signal.throwIfAborted();
    for (let index = 0; index < statistics.length; index++) {
      statistics[index]?.add(rows.columns[index] ?? [], rows.from, trains);
    }
  }
  const features: FeatureRule[] = [];
  const warnings: string[] = [];
  columns.forEach((column, index) => {
    const found = statistics[index];
    if (found === undefined) return;
    const { rule, warning } = ruleFor(column, found);
    if (rule) features.push(rule);
    if (warning) warnings.push(warning);
  });
  return { preprocessing: { features }, warnings };
}

function statisticsFor(column: ColumnProfile): ColumnStatistics {
  if (column.type === 'text') return new CategoryStatistics();
  if (column.type === 'date' || column.type === 'timestamp') return new DateStatistics();
  return new NumberStatistics();
}

interface Outcome {
  rule?: FeatureRule;
  warning?: string;
}

function ruleFor(column: ColumnProfile, statistics: ColumnStatistics): Outcome {
  const name = column.name;
  if (statistics instanceof NumberStatistics) return numberRule(column, statistics);
  if (statistics instanceof DateStatistics) return dateRule(name, statistics);
  if (statistics instanceof CategoryStatistics) return categoryRule(name, statistics);
  return {};
}

function leftOut(name: string, why: string): Outcome {
  return { warning: `The column ${display(name)} is left out: ${why}.` };
}

function numberRule(column: ColumnProfile, statistics: NumberStatistics): Outcome {
  const { moments, missing, notFinite } = statistics;
  if (moments.count === 0) return leftOut(column.name, 'it is empty in the training rows');
  if (moments.constant && missing === 0) {
    return leftOut(column.name, `it is always ${moments.min} in the training rows`);
  }
  const boolean = column.type === 'boolean';
  const middle = column.quantiles?.[2];
  const plain = column.type === 'integer' ? Math.round(moments.mean) : rounded(moments.mean);
  return {
    rule: {
      kind: boolean ? 'boolean' : 'number',
      name: column.name,
      missing: missing > 0,
      scale: { mean: finite(moments.mean), deviation: moments.deviation },
      example: boolean ? Math.round(moments.mean) : (middle ?? plain),
    },
    ...(notFinite > 0
      ? {
          warning: `The column ${display(column.name)} has ${notFinite} infinite ${notFinite === 1 ? 'value' : 'values'} in the training rows; infinite counts as missing.`,
        }
      : {}),
  };
}

function dateRule(name: string, statistics: DateStatistics): Outcome {
  const days = statistics.parts.get('days');
  if (days === undefined || days.count === 0) {
    return leftOut(name, 'it is empty in the training rows');
  }
  if (days.constant && statistics.missing === 0) {
    return leftOut(name, 'it is always the same date in the training rows');
  }
  const varies = (part: DatePart) => statistics.parts.get(part)?.constant === false;
  const parts = dateParts.filter((part) => {
    if (part === 'days') return true;
    // Where every date is the same day of its year, like 1 January, the day of the week is chance.
    if (part.startsWith('week')) return varies('yearCos') && varies(part);
    return varies(part);
  });
  const rule: DateRule = {
    kind: 'date',
    name,
    missing: statistics.missing > 0,
    parts: parts.map((part) => ({
      part,
      scale:
        part === 'days'
          ? { mean: days.mean, deviation: days.deviation }
          : { mean: 0, deviation: 1 },
    })),
    example: Math.floor(days.mean) * 86_400_000,
    time: varies('dayCos') || varies('daySin'),
  };
  return { rule };
}

function categoryRule(name: string, statistics: CategoryStatistics): Outcome {
  const { counts, count, missing, overflown } = statistics;
  if (overflown) {
    return leftOut(name, `it has more than ${distinctMax.toLocaleString('en')} different texts`);
  }
  if (count === 0) return leftOut(name, 'it is empty in the training rows');
  if (counts.size === 1 && missing === 0) {
    return leftOut(name, 'it always holds the same text in the training rows');
  }
  if (counts.size > fewValues && count / counts.size < rowsPerValueMin) {
    return leftOut(
      name,
      `it has ${counts.size.toLocaleString('en')} different texts in ${count.toLocaleString('en')} training rows, too many to learn from`,
    );
  }
  const values = [...counts]
    .filter(([, times]) => times >= valueCountMin)
    .sort(([a, timesA], [b, timesB]) => timesB - timesA || (a < b ? -1 : 1))
    .map(([value]) => value);
  if (values.length === 0) {
    return leftOut(name, 'each of its texts occurs only once in the training rows');
  }
  const rule: CategoryRule = {
    kind: 'category',
    name,
    missing: missing > 0,
    encoding: values.length > oneHotMax ? 'embedding' : 'oneHot',
    values,
  };
  return { rule };
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : 0;
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** A column's name in a sentence; names may be thousands of characters long. */
export function display(name: string): string {
  return `"${name.length > 80 ? `${name.slice(0, 80)}…` : name}"`;
}
