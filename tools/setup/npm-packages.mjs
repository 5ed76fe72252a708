// Installs the npm packages when the lock file is not the one that was installed.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { step } from './progress.mjs';
import { mustRun, SetupError } from './run-command.mjs';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const stamp = join(root, 'node_modules/.vanda-installed');

/** The Node that everything runs under: npm brings it, in the version that package.json pins. */
export const pinnedNode = join(root, 'node_modules/.bin/node');

const bytesForInstall = 2_000_000_000;

/** No npm and no network when the packages of this lock file are there. */
export async function ensureNpmPackages() {
  const hash = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(pinnedNode) && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  const { bavail, bsize } = statfsSync(root);
  if (bavail * bsize < bytesForInstall) {
    const free = Math.round((bavail * bsize) / 1e6);
    throw new SetupError(
      `The disk that holds ${root} has ${free} MB left, and installing takes about 2 GB: free some space, then start again.`,
    );
  }
  // npm writes this file last: without it an installation was cut off, and half-unpacked packages
  // look whole to npm.
  const modules = join(root, 'node_modules');
  if (!existsSync(join(modules, '.package-lock.json')))
    rmSync(modules, { recursive: true, force: true });
  // Not `ci`: it refuses a lock file without the packages for other systems, and registries that
  // mirror only what is asked for do not have them. With --no-save the lock file stays as it is.
  const args = [
    'install',
    '--no-save',
    '--include=dev',
    '--no-fund',
    '--no-audit',
    '--loglevel=error',
  ];
  // Some packages ask for a newer Node than the one that may have started this: they get it.
  args.push('--engine-strict=false');
  const [command, before] = npmCommand();
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' };
  await step('Installing npm packages', () =>
    mustRun('The npm packages could not be installed', command, [...before, ...args], {
      cwd: root,
      env,
    }),
  );
  if (!existsSync(pinnedNode)) {
    throw new SetupError(
      'npm did not unpack its own Node (node_modules/.bin/node): allow the install script of the package ' +
        '"node" (`npm config delete ignore-scripts`), then start again.',
    );
  }
  writeFileSync(stamp, hash);
}

/** The npm that runs us, else the one on the PATH. */
function npmCommand() {
  const script = process.env.npm_execpath;
  return script && /npm-cli\.[cm]?js$/.test(script) ? [process.execPath, [script]] : ['npm', []];
}
