// `npm test`: the part that runs before anything is installed. Built-ins only, Node >= 20.19.
import { join } from 'node:path';
import { ensureBuilt } from '../setup/build.mjs';
import { checkNodeVersion, goOnUnderPinnedNode, runsPinnedNode } from '../setup/node-version.mjs';
import { ensureNpmPackages, root } from '../setup/npm-packages.mjs';
import { say } from '../setup/progress.mjs';
import { ensureSystemPackages, needsOfTest } from '../setup/system-packages.mjs';
import { ensureVersitygw } from '../setup/versitygw.mjs';

try {
  checkNodeVersion();
  await ensureSystemPackages(needsOfTest, 'npm test');
  await ensureNpmPackages();
  await ensureBuilt();
  const missing = await ensureVersitygw();
  if (missing) say(`The S3 tests will be skipped: ${missing}.`);
  const script = join(root, 'tools/test/run.ts');
  if (runsPinnedNode()) await import('./run.ts');
  else process.exitCode = await goOnUnderPinnedNode(script, process.argv.slice(2));
} catch (error) {
  const known = error?.name === 'SetupError';
  process.stderr.write(`\n${known ? error.message : (error?.stack ?? error)}\n`);
  process.stdout.write('0 passed, 1 failed\n');
  process.exitCode = 1;
}
