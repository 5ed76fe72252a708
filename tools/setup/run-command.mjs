// Runs a program of the set-up quietly and keeps what it said, for the case that it fails.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A failure that is explained to the user in a sentence; no stack belongs to it. */
export class SetupError extends Error {
  name = 'SetupError';
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{cwd?: string, env?: NodeJS.ProcessEnv, onLine?: (line: string) => void}} [options]
 * @returns {Promise<{code: number, output: string}>}
 */
export function runCommand(command, args, { cwd, env, onLine } = {}) {
  return new Promise((resolve) => {
    const [program, ...rest] = [...endsWithParent(), command, ...args];
    const stdio = ['ignore', 'pipe', 'pipe'];
    const child = spawn(program, rest, { cwd, env: env ?? process.env, stdio });
    let output = '';
    const take = (chunk) => {
      output = (output + chunk).slice(-200_000);
      for (const line of String(chunk).split('\n')) if (line.trim()) onLine?.(line.trim());
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('error', (error) => resolve({ code: 127, output: error.message }));
    child.once('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

/** Like `runCommand`, but a failure is an error that ends with the program's last lines. */
export async function mustRun(what, command, args, options) {
  const { code, output } = await runCommand(command, args, options);
  if (code === 0) return output;
  const said = output.trim().split('\n');
  // npm says what is wrong first and then explains itself at length; compilers end on it.
  const wrong = said.filter((line) => /^npm error/.test(line)).slice(0, 8);
  const tail = (wrong.length ? wrong : said.slice(-15)).join('\n  ');
  throw new SetupError(
    `${what} (${command} ended with code ${code}). It said:\n  ${tail}${advice(output)}`,
  );
}

/** Causes that a user can do something about, whatever program met them. */
function advice(output) {
  if (/ENOSPC|No space left on device|disk quota exceeded/i.test(output))
    return '\nThe disk is full. Free some space, then start again: it goes on from here.';
  if (
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|Temporary failure resolving/i.test(
      output,
    )
  )
    return '\nThe network could not be reached. Check the connection, then start again: it goes on from here.';
  return '';
}

/** What stands before a command so that the kernel ends it when this process dies (Linux). */
export function endsWithParent() {
  const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((file) => existsSync(file));
  return setpriv ? [setpriv, '--pdeathsig', 'TERM', '--'] : [];
}

/** Where a program lies on the PATH, or null. */
export function findProgram(name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file)) ?? null;
}
