const integer = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const three = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });
const threeFixed = new Intl.NumberFormat('en', {
  minimumSignificantDigits: 3,
  maximumSignificantDigits: 3,
});
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });
const exactTime = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'medium' });
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'long' });

/** A number with three significant digits: 0.990, 12,345, 760M, 8.27e-5. */
export function figure(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && size < 0.0001) return value.toExponential(2);
  if (size >= 1e7) return size < 1e15 ? compact.format(value) : value.toExponential(2);
  if (size >= 1000) return integer.format(value);
  return Number.isInteger(value) ? integer.format(value) : threeFixed.format(value);
}

export function count(value: number): string {
  return integer.format(value);
}

/** "1 row", "3 rows". */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

export function percent(share: number): string {
  if (share > 0 && share < 0.0001) return 'under 0.01 %';
  return `${three.format(share * 100)} %`;
}

export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : three.format(value)} ${units[unit]}`;
}

export function duration(seconds: number): string {
  const whole = Math.max(0, seconds);
  if (whole < 1) return 'under 1 s';
  if (whole < 90) return `${Math.round(whole)} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.round(hours / 24)} days`;
}

export function milliseconds(value: number | null): string {
  return value === null ? '–' : `${three.format(value)} ms`;
}

export function timeExact(iso: string): string {
  return exactTime.format(new Date(iso));
}

export function timeAgo(iso: string, now = Date.now()): string {
  const seconds = (new Date(iso).getTime() - now) / 1000;
  const size = Math.abs(seconds);
  if (size < 10) return 'just now';
  if (size < 60) return relative.format(Math.round(seconds), 'second');
  if (size < 3600) return relative.format(Math.round(seconds / 60), 'minute');
  if (size < 86_400) return relative.format(Math.round(seconds / 3600), 'hour');
  if (size < 86_400 * 30) return relative.format(Math.round(seconds / 86_400), 'day');
  if (size < 86_400 * 365) return relative.format(Math.round(seconds / 86_400 / 30), 'month');
  return relative.format(Math.round(seconds / 86_400 / 365), 'year');
}

/** Names of metrics and tasks as a person says them. */
const spoken: Record<string, string> = {
  rocAuc: 'ROC AUC',
  logLoss: 'log loss',
  f1: 'F1',
  mae: 'MAE',
  rmse: 'RMSE',
  r2: 'R²',
  'image-classification': 'Picture classification',
  tensors: 'Tensors',
  'tabular-classification': 'Table: predict a category',
  'tabular-regression': 'Table: predict a number',
};

export function say(word: string): string {
  return spoken[word] ?? word;
}
