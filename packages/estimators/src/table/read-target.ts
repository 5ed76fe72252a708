import { type ColumnProfile, type TableProfile, VandaError } from '@vanda/contracts';
import { splitCode } from '../splits/assign-splits.ts';
import { RunningMoments } from './column-statistics.ts';
import type { DuckDb } from './duckdb.ts';
import { display } from './learn-preprocessing.ts';
import { scanTable } from './scan.ts';

/** More classes than this is not a classification that a person meant. */
const labelsMax = 10_000;

/** The squares of larger numbers are past what a double holds. */
const targetMax = 1e150;

export interface ClassTarget {
  kind: 'classes';
  labels: string[];
  /** One a row; -1 where the target is missing. */
  values: Int32Array;
}
export interface NumberTarget {
  kind: 'number';
  /** One a row; NaN where the target is missing. */
  values: Float64Array;
}
export interface TargetAndSplits<T extends ClassTarget | NumberTarget> {
  target: T;
  /** One splitCode a row, as the data predefines it; rows without a target are left out. */
  predefined: Uint8Array;
  warnings: string[];
}

interface ReadOptions {
  database: DuckDb;
  files: readonly string[];
  profile: TableProfile;
  column: ColumnProfile;
  signal: AbortSignal;
}

export async function readClassTarget(options: ReadOptions): Promise<TargetAndSplits<ClassTarget>> {
  const { column, profile } = options;
  const codes = new Map<string, number>();
  const values = new Int32Array(profile.items).fill(-1);
  const predefined = await scanTargets(options, (row, value) => {
    const label = labelOf(column, value);
    if (label === null) return false;
    let code = codes.get(label);
    if (code === undefined) {
      code = codes.size;
      codes.set(label, code);
      if (codes.size > labelsMax) throw tooManyLabels(column, codes.size, profile.items);
    }
    values[row] = code;
    return true;
  });
  const warnings = missingTargets(column, predefined);
  const known = countKnown(predefined);
  if (codes.size < 2) {
    const only = [...codes.keys()][0] ?? '';
    throw new VandaError(
      'bad-data',
      `The target ${display(column.name)} has one class only, ${display(only)}: a classification needs at least two.`,
    );
  }
  if (codes.size > Math.max(20, known / 2)) throw tooManyLabels(column, codes.size, known);
  const found = [...codes.keys()];
  const numeric = column.type === 'number' || column.type === 'integer';
  const labels = found.toSorted((a, b) =>
    numeric ? Number(a) - Number(b) : a < b ? -1 : a > b ? 1 : 0,
  );
  const place = new Map(labels.map((label, index) => [label, index]));
  const reorder = Int32Array.from(found, (label) => place.get(label) ?? 0);
  for (let row = 0; row < values.length; row++) {
    const code = values[row] ?? -1;
    if (code >= 0) values[row] = reorder[code] ?? -1;
  }
  return { target: { kind: 'classes', labels, values }, predefined, warnings };
}

export async function readNumberTarget(
  options: ReadOptions,
): Promise<TargetAndSplits<NumberTarget>> {
  const { column, profile } = options;
  if (column.type !== 'number' && column.type !== 'integer') {
    throw new VandaError(
      'bad-data',
      `The target ${display(column.name)} holds ${kindOf(column)}, and a regression predicts numbers: use tabular-classification or another target.`,
    );
  }
  const values = new Float64Array(profile.items).fill(Number.NaN);
  const moments = new RunningMoments();
  const predefined = await scanTargets(options, (row, value) => {
    if (typeof value !== 'number' || !Number.isFinite(value)) return false;
    values[row] = value;
    moments.add(value);
    return true;
  });
  const warnings = missingTargets(column, predefined);
  countKnown(predefined);
  if (moments.constant) {
    throw new VandaError(
      'bad-data',
      `The target ${display(column.name)} is always ${moments.min}: there is nothing to learn.`,
    );
  }
  const largest = Math.max(Math.abs(moments.min), Math.abs(moments.max));
  if (largest > targetMax) {
    throw new VandaError(
      'bad-data',
      `The target ${display(column.name)} holds numbers as large as ${largest}; at most ${targetMax} can be learned.`,
    );
  }
  return { target: { kind: 'number', values }, predefined, warnings };
}

/** Scans the target and the split column together; `take` answers whether the row has a target. */
async function scanTargets(
  { database, files, profile, column, signal }: ReadOptions,
  take: (row: number, value: number | string | null) => boolean,
): Promise<Uint8Array> {
  const predefined = new Uint8Array(profile.items);
  const columns = [column, ...(profile.splitColumn === null ? [] : [splitColumn(profile)])];
  let rows = 0;
  for await (const chunk of scanTable(database, files, columns)) {
    signal.throwIfAborted();
    rows += chunk.count;
    if (rows > profile.items) break;
    for (let index = 0; index < chunk.count; index++) {
      const row = chunk.from + index;
      const known = take(row, chunk.columns[0]?.[index] ?? null);
      predefined[row] = known
        ? splitOf(chunk.columns[1]?.[index] as string | null | undefined)
        : splitCode.leftOut;
    }
  }
  if (rows !== profile.items) {
    throw new VandaError(
      'internal',
      `The files of this dataset hold another number of rows than its ${profile.items.toLocaleString('en')}.`,
    );
  }
  return predefined;
}

function splitColumn(profile: TableProfile): { name: string; type: 'text' } {
  return { name: profile.splitColumn ?? '', type: 'text' };
}

function splitOf(value: string | null | undefined): number {
  const name = value?.trim().toLowerCase();
  if (name === 'train') return splitCode.train;
  if (name === 'validation') return splitCode.validation;
  return name === 'test' ? splitCode.test : splitCode.undecided;
}

/** The label that a value of the target stands for; null where it is missing. */
export function labelOf(
  column: Pick<ColumnProfile, 'type'>,
  value: number | string | null,
): string | null {
  if (value === null || typeof value === 'string') return value;
  if (!Number.isFinite(value)) return null;
  if (column.type === 'boolean') return value === 1 ? 'true' : 'false';
  if (column.type === 'date') return new Date(value).toISOString().slice(0, 10);
  if (column.type === 'timestamp') return new Date(value).toISOString();
  return String(value);
}

function countKnown(predefined: Uint8Array): number {
  let known = 0;
  for (const code of predefined) if (code !== splitCode.leftOut) known++;
  if (known < 2) {
    throw new VandaError(
      'bad-data',
      `${known === 0 ? 'No row has' : 'Only one row has'} a value of the target: there is nothing to learn from.`,
    );
  }
  return known;
}

function missingTargets(column: ColumnProfile, predefined: Uint8Array): string[] {
  let missing = 0;
  for (const code of predefined) if (code === splitCode.leftOut) missing++;
  if (missing === 0) return [];
  return [
    `${missing.toLocaleString('en')} ${missing === 1 ? 'row has' : 'rows have'} no value of the target ${display(column.name)} and ${missing === 1 ? 'is' : 'are'} left out.`,
  ];
}

function kindOf(column: ColumnProfile): string {
  if (column.type === 'text') return 'texts';
  return column.type === 'boolean' ? 'true and false' : 'dates';
}

function tooManyLabels(column: ColumnProfile, labels: number, rows: number): VandaError {
  const numeric = column.type === 'number' || column.type === 'integer';
  return new VandaError(
    'bad-data',
    `The target ${display(column.name)} has ${labels >= labelsMax ? `more than ${labelsMax.toLocaleString('en')}` : labels.toLocaleString('en')} different values in ${rows.toLocaleString('en')} rows, too many classes to learn${numeric ? ': use tabular-regression for numbers' : ''}.`,
  );
}
