const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

interface Day {
  year: number;
  /** From 1. */
  month: number;
  day: number;
}

/**
 * Reads a date as people write it in tables: ISO 8601 (a missing zone is UTC, as in the data), 2024/05/31,
 * 31.05.2024, May 31, 2024 and 31 May 2024, each with or without a time; or milliseconds since 1970. Of 5/6/2024
 * nobody knows the month: it is refused, while 5/31/2024 and 31/5/2024 are clear.
 *
 * @returns Milliseconds since 1970, UTC; NaN for anything else.
 */
export function parseMoment(value: string | number): number {
  if (typeof value === 'number') return Math.abs(value) <= 8.64e15 ? value : Number.NaN;
  const parts =
    /^(.+?)(?:[T ](\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d{1,9})?))?)? ?(Z|[+-]\d{2}(?::?\d{2})?)?$/i.exec(
      value.length > 100 ? '' : value.trim(),
    );
  const [, date = '', hours = '0', minutes = '0', seconds = '0', zone] = parts ?? [];
  // A zone needs a time before it: the end of 31-12-2024 is no zone.
  const zoned = zone !== undefined && parts?.[2] !== undefined;
  const day = parseDay(zone === undefined || zoned ? date : value.trim());
  if (day === null || Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) >= 60) {
    return Number.NaN;
  }
  const time = (Number(hours) * 60 + Number(minutes)) * 60_000 + Math.round(Number(seconds) * 1000);
  return startOf(day) + time - (zoned ? offsetOf(zone) : 0);
}

function parseDay(text: string): Day | null {
  const numbers = /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})$/.exec(text);
  if (numbers) return valid(numbers[1], numbers[2], numbers[3]);
  const dotted = /^(\d{1,2})\.(\d{1,2})\.(\d{4})$/.exec(text);
  if (dotted) return valid(dotted[3], dotted[2], dotted[1]);
  const slashed = /^(\d{1,2})\/(\d{1,2})\/(\d{4})$/.exec(text);
  if (slashed) {
    const [, first, second, year] = slashed;
    if (Number(first) <= 12 && Number(second) <= 12 && Number(first) !== Number(second))
      return null;
    return valid(year, first, second) ?? valid(year, second, first);
  }
  const monthFirst = /^([a-z]{3,9})\.? (\d{1,2}),? (\d{4})$/i.exec(text);
  if (monthFirst) return valid(monthFirst[3], monthOf(monthFirst[1]), monthFirst[2]);
  const dayFirst = /^(\d{1,2})[ -]([a-z]{3,9})\.?[ -](\d{4}|\d{2})$/i.exec(text);
  if (dayFirst) return valid(century(dayFirst[3]), monthOf(dayFirst[2]), dayFirst[1]);
  return null;
}

function valid(year?: string | number, month?: string | number, day?: string | number): Day | null {
  const found = { year: Number(year), month: Number(month), day: Number(day) };
  const back = new Date(startOf(found));
  const exists = back.getUTCMonth() === found.month - 1 && back.getUTCDate() === found.day;
  return exists ? found : null;
}

/** Date.UTC would take the years 0 to 99 for 1900 to 1999. */
function startOf({ year, month, day }: Day): number {
  const date = new Date(0);
  return date.setUTCFullYear(year, month - 1, day);
}

function monthOf(name = ''): number {
  return months.indexOf(name.slice(0, 3).toLowerCase()) + 1;
}

/** Two digits are read as POSIX does: 69 to 99 are the last century. */
function century(year = ''): number {
  const number = Number(year);
  if (year.length > 2) return number;
  return number < 69 ? 2000 + number : 1900 + number;
}

function offsetOf(zone: string): number {
  if (zone.toUpperCase() === 'Z') return 0;
  const digits = zone.slice(1).replace(':', '').padEnd(4, '0');
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2));
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
}
