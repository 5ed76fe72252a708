import { existsSync, readFileSync } from 'node:fs';

export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

interface VitestReport {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  numFailedTestSuites: number;
}

/** The counts of vitest's JSON report; null when it did not come to write one. */
export function readVitest(file: string): Tally | null {
  if (!existsSync(file)) return null;
  const report = JSON.parse(readFileSync(file, 'utf8')) as VitestReport;
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** The counts in CTest's closing line: `97% tests passed, 1 tests failed out of 40`. */
export function readCtest(output: string): Tally | null {
  const match = /(\d+) tests? failed out of (\d+)/.exec(output);
  if (!match) return null;
  const [failed = 0, total = 0] = match.slice(1).map(Number);
  return { passed: total - failed, failed, skipped: 0 };
}
