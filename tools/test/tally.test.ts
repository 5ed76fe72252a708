import { expect, test } from 'vitest';
import { readCtest, readVitest } from './tally.ts';

test('the closing line of CTest is counted', () => {
  const output = '...\n98% tests passed, 1 tests failed out of 41\n\nTotal Test time = 3 sec';
  expect(readCtest(output)).toEqual({ passed: 40, failed: 1, skipped: 0 });
  expect(readCtest('100% tests passed, 0 tests failed out of 3')?.passed).toBe(3);
  expect(readCtest('make: *** [all] Error 2')).toBe(null);
});

test('a report that was never written counts as none', () => {
  expect(readVitest('/nowhere/report.json')).toBe(null);
});
