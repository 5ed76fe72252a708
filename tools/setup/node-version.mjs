// Which Node may start us, and how we go on under the pinned one.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pinnedNode, root } from './npm-packages.mjs';
import { endsWithParent, SetupError } from './run-command.mjs';

export function checkNodeVersion() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new SetupError(
    `Vanda needs Node 20.19 or later to start, and this is ${process.versions.node}: install a newer one ` +
      '(https://nodejs.org or your package manager), then start again.',
  );
}

/** Whether this very process already runs under the Node that package.json pins. */
export function runsPinnedNode() {
  const manifest = join(root, 'node_modules/node/package.json');
  return JSON.parse(readFileSync(manifest, 'utf8')).version === process.versions.node;
}

/**
 * Goes on with a script under the pinned Node and ends as it ends. The script leaves in order on
 * SIGINT and SIGTERM; this process only passes them on, and takes the script with it when killed.
 */
export function goOnUnderPinnedNode(script, args) {
  const [command, ...rest] = [...endsWithParent(), pinnedNode, script, ...args];
  const env = {
    // Every process below strips the types of the same sources: once is enough.
    NODE_COMPILE_CACHE: join(root, '.cache/compiled'),
    ...process.env,
    PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH}`,
  };
  const child = spawn(command, rest, { stdio: 'inherit', env });
  // The terminal sends Ctrl-C to the whole group; being asked twice is being asked once.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => {
    child.once('error', () => resolve(1));
    child.once('exit', (code, signal) => resolve(signal ? 1 : (code ?? 1)));
  });
}
