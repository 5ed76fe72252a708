/** What a date says to a network: its place in time, and the circles of year, week and day as sine and cosine. */
export const dateParts = [
  'days',
  'yearSin',
  'yearCos',
  'weekSin',
  'weekCos',
  'daySin',
  'dayCos',
] as const;
export type DatePart = (typeof dateParts)[number];

const dayMs = 86_400_000;
const yearDays = 365.2425;

/** @param moment Milliseconds since 1970, UTC. */
export function datePart(part: DatePart, moment: number): number {
  const days = moment / dayMs;
  switch (part) {
    case 'days':
      return days;
    case 'yearSin':
      return Math.sin(dayOfYear(moment));
    case 'yearCos':
      return Math.cos(dayOfYear(moment));
    case 'weekSin':
      return Math.sin(turn(Math.floor(days) / 7));
    case 'weekCos':
      return Math.cos(turn(Math.floor(days) / 7));
    case 'daySin':
      return Math.sin(turn(days));
    case 'dayCos':
      return Math.cos(turn(days));
  }
}

function turn(fraction: number): number {
  return 2 * Math.PI * (fraction - Math.floor(fraction));
}

function dayOfYear(moment: number): number {
  const start = Date.UTC(new Date(moment).getUTCFullYear(), 0, 1);
  return turn(Math.floor((moment - start) / dayMs) / yearDays);
}
