import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { mustRun, runCommand } from './run-command.mjs';
import { ensureSystemPackages } from './system-packages.mjs';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

const missing = [
  { packages: ['cmake'], present: () => false },
  { packages: ['libdnnl-dev'], present: () => false },
  { packages: ['redis-server'], present: () => true },
];

test('without the right to install, one sentence has the exact command', async () => {
  vi.spyOn(process, 'getuid').mockReturnValue(1000);
  const folder = mkdtempSync(join(tmpdir(), 'vanda-path-'));
  await runCommand('ln', ['-s', '/bin/true', join(folder, 'apt-get')]);
  vi.stubEnv('PATH', folder);
  await expect(ensureSystemPackages(missing, 'npm start')).rejects.toThrow(
    'Vanda needs cmake, libdnnl-dev, and this account may not install packages: run ' +
      '`sudo apt-get update && sudo apt-get install -y cmake libdnnl-dev`, then `npm start` again.',
  );
  rmSync(folder, { recursive: true });
});

test('where there is no apt, the sentence names what is missing', async () => {
  vi.stubEnv('PATH', '/nowhere');
  await expect(ensureSystemPackages(missing, 'npm start')).rejects.toThrow(
    /cmake, libdnnl-dev .*package manager/,
  );
});

test('nothing missing, nothing asked', async () => {
  const present = missing.map((need) => ({ ...need, present: () => true }));
  await ensureSystemPackages(present, 'npm start');
});

test.each([
  ['write error: No space left on device', /disk is full/],
  ['npm error code ENOTFOUND', /network could not be reached/],
])('a program that fails with "%s" ends in what to do', async (said, advice) => {
  const run = mustRun('It could not be built', 'sh', ['-c', `echo '${said}' >&2; exit 2`]);
  await expect(run).rejects.toThrow(advice);
  await expect(run).rejects.toThrow(said);
});
