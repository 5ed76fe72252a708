// `npm test` from here on runs under the pinned Node, with everything installed and built.
// Without arguments: the checks, the C++ tests and all of vitest. With arguments: vitest alone.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../setup/npm-packages.mjs';
import { elapsed } from '../setup/progress.mjs';
import { startIdle } from './idle-process.ts';
import { runVisibly } from './run-visibly.ts';
import { readCtest, readVitest, type Tally } from './tally.ts';

const vitestArgs = process.argv.slice(2);
const scratch = mkdtempSync(join(tmpdir(), 'vanda-npm-test-'));
const report = join(scratch, 'vitest.json');
const bin = (name: string) => join(root, 'node_modules/.bin', name);

interface Suite {
  title: string;
  command: string[];
  /** What it needs and others do not wait for. */
  after?: Promise<void>;
  /** How many tests it ran; a suite that says nothing counts as one. */
  tally?: (output: string) => Tally | null;
}

const vitest: Suite = {
  title: 'TypeScript, end to end and fault tests (vitest)',
  command: [
    bin('vitest'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...vitestArgs,
  ],
  tally: () => readVitest(report),
};
const sanitized = [process.execPath, 'tools/native/build.mjs', '--asan'];
// Compiling takes ten minutes, and many tests wait for something else than a processor.
const compiling = vitestArgs.length ? undefined : startIdle([...sanitized, '--build-only']);
const everything: Suite[] = [
  { title: 'Structure', command: [process.execPath, 'tools/tidy/check.mjs'] },
  {
    title: 'Format and lint',
    command: [bin('biome'), 'check', '--reporter=summary', '--error-on-warnings', '.'],
  },
  { title: 'Types', command: [bin('tsc'), '-p', 'tsconfig.json'] },
  { title: 'Types of the dashboard', command: [bin('tsc'), '-p', 'apps/web/tsconfig.json'] },
  {
    title: 'C++ tests',
    command: [process.execPath, 'tools/native/build.mjs', '--tests'],
    tally: readCtest,
  },
  vitest,
  {
    title:
      'C++ tests under AddressSanitizer and UndefinedBehaviorSanitizer, and a minute of fuzzing',
    command: sanitized,
    after: compiling?.ended,
    tally: readCtest,
  },
];

const sum: Tally = { passed: 0, failed: 0, skipped: 0 };
const lines: string[] = [];
const from = Date.now();
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    interrupted = true;
    compiling?.stop();
  });
}
for (const { title, command, after, tally } of vitestArgs.length ? [vitest] : everything) {
  process.stdout.write(`\n== ${title}\n`);
  const startedAt = Date.now();
  await after;
  if (interrupted) break;
  const { code, output } = await runVisibly(command);
  const counted = tally?.(output) ?? { passed: code === 0 ? 1 : 0, failed: 0, skipped: 0 };
  // A suite may fail beside its tests: a crash, an error after the last test.
  if (code !== 0 && counted.failed === 0) counted.failed = 1;
  sum.passed += counted.passed;
  sum.failed += counted.failed;
  sum.skipped += counted.skipped;
  const { passed, failed } = counted;
  const time = elapsed(Date.now() - startedAt);
  lines.push(`${failed ? '✗' : '✓'} ${title}: ${passed} passed, ${failed} failed (${time})`);
}
rmSync(scratch, { recursive: true, force: true });

process.stdout.write(`\n${lines.join('\n')}\nAll of it took ${elapsed(Date.now() - from)}.\n`);
const skipped = sum.skipped ? `, ${sum.skipped} skipped` : '';
process.stdout.write(`${sum.passed} passed, ${sum.failed} failed${skipped}\n`);
process.exitCode = sum.failed || interrupted ? 1 : 0;
