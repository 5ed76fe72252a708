import { type MetricName, metricNames, type SplitMetrics } from '@vanda/contracts';

/** How things look to a person: aligned columns, short numbers, times from now. */

export type Cell = string | number | null | undefined;

/** Numbers are aligned to the right; nothing is shown as a dash. */
export function table(heads: string[], rows: Cell[][], empty: string): string {
  if (rows.length === 0) return empty;
  const texts = rows.map((row) => heads.map((_, at) => cellText(row[at])));
  const widths = heads.map((head, at) =>
    Math.max(head.length, ...texts.map((row) => row[at]?.length ?? 0)),
  );
  const right = heads.map((_, at) => rows.every((row) => typeof row[at] === 'number'));
  const line = (cells: string[]) =>
    cells
      .map((cell, at) => {
        const width = widths[at] ?? 0;
        return right[at] ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [line(heads), ...texts.map(line)].join('\n');
}

/** `name   value`, one a line; what is not there is left out. */
export function facts(pairs: [name: string, value: Cell][]): string {
  const there = pairs.filter(([, value]) => value !== null && value !== undefined && value !== '');
  const width = Math.max(...there.map(([name]) => name.length));
  return there.map(([name, value]) => `${name.padEnd(width)}  ${cellText(value)}`).join('\n');
}

export function ago(timestamp: string | null | undefined, now = Date.now()): string {
  if (!timestamp) return '-';
  const seconds = Math.max(0, Math.round((now - Date.parse(timestamp)) / 1000));
  if (seconds < 5) return 'now';
  const units: [string, number][] = [
    ['d', 86_400],
    ['h', 3600],
    ['min', 60],
  ];
  for (const [unit, size] of units) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit} ago`;
  }
  return `${seconds} s ago`;
}

export function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

export function count(number: number): string {
  return number.toLocaleString('en-US');
}

export function plural(number: number, word: string): string {
  return `${count(number)} ${word}${number === 1 ? '' : 's'}`;
}

/** The figures of one split in their usual order: `accuracy 0.987  f1 0.986`. */
export function metricsLine(metrics: SplitMetrics | undefined | null): string {
  const names = Object.keys(metricNames) as MetricName[];
  return names.flatMap((name) => figure(metrics, name) ?? []).join('  ');
}

/** The one figure that a list has room for. */
export function headline(metrics: SplitMetrics | undefined | null): string | null {
  return figure(metrics, 'accuracy') ?? figure(metrics, 'r2');
}

function figure(metrics: SplitMetrics | undefined | null, name: MetricName): string | null {
  const value = metrics?.[name];
  return typeof value === 'number' ? `${name} ${Number(value.toPrecision(4))}` : null;
}

function cellText(value: Cell): string {
  if (value === null || value === undefined || value === '') return '-';
  // A name or message from elsewhere must not move the cursor.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed.
  return String(value).replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
}
