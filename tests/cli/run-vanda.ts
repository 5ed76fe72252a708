import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const bin = fileURLToPath(new URL('../../packages/cli/bin/vanda.mjs', import.meta.url));

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Sends the signal as soon as `until` says so. */
export interface Interruption {
  until: () => Promise<boolean>;
  signal: NodeJS.Signals;
}

/** Runs the command as a process of its own, as a shell would. */
export function runVanda(
  args: string[],
  env: NodeJS.ProcessEnv,
  input = '',
  interruption?: Interruption,
): Promise<Ran> {
  const child = spawn(process.execPath, [bin, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] });
  if (interruption) void interrupt(child, interruption);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

async function interrupt(child: ChildProcess, { until, signal }: Interruption): Promise<void> {
  while (child.exitCode === null && !(await until().catch(() => false))) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.kill(signal);
}

/** The one JSON value on stdout; throws where there is another number of them. */
export function jsonFrom<T = Record<string, unknown>>(ran: Ran): T {
  try {
    return JSON.parse(ran.stdout) as T;
  } catch {
    throw new Error(`not one JSON value: ${ran.stdout}\n${ran.stderr}`);
  }
}
