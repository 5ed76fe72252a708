import { expect, test } from 'vitest';
import { bytesText, counted, duration, figure, percent, timeAgo } from './format.ts';

test('figures have three significant digits', () => {
  const given = [0, 1, 0.99, 0.0276543, 8.27e-5, 12345.6, 760_167_650, null, Number.NaN];
  expect(given.map(figure)).toEqual([
    '0',
    '1',
    '0.990',
    '0.0277',
    '8.27e-5',
    '12,346',
    '760M',
    '–',
    'NaN',
  ]);
});

test('sizes, shares, counts and durations have units', () => {
  expect(bytesText(999)).toBe('999 B');
  expect(bytesText(179_123_456)).toBe('179 MB');
  expect([0, 0.00002, 0.0312, 1].map(percent)).toEqual(['0 %', 'under 0.01 %', '3.12 %', '100 %']);
  expect([counted(1, 'row'), counted(3201, 'row')]).toEqual(['1 row', '3,201 rows']);
  expect([0.2, 42, 600, 9000].map(duration)).toEqual(['under 1 s', '42 s', '10 min', '2 h 30 min']);
});

test('times are relative', () => {
  const now = Date.parse('2026-01-01T12:00:00Z');
  expect(timeAgo('2026-01-01T11:59:58Z', now)).toBe('just now');
  expect(timeAgo('2026-01-01T11:20:00Z', now)).toBe('40 minutes ago');
  expect(timeAgo('2025-12-31T12:00:00Z', now)).toBe('yesterday');
});
