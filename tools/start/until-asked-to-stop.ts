import { readFileSync } from 'node:fs';
import { identifyProcess, livesOn, type ProcessIdentity } from '../services/process-identity.ts';

/** Resolves `promise` at Ctrl-C, SIGTERM, a closed terminal, or the end of the npm above us. */
export function untilAskedToStop(): { promise: Promise<void>; readonly happened: boolean } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const state = { promise, happened: false };
  const stop = () => {
    state.happened = true;
    resolve();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  // npm cannot tell us when it is killed, and then nobody would be left to stop this.
  const npm = process.env.npm_lifecycle_event ? npmAbove(process.pid) : null;
  if (npm) setInterval(() => livesOn(npm) || stop(), 1000).unref();
  return state;
}

/** The npm that runs us: our parent, or above the shell or the older Node between. */
function npmAbove(pid: number): ProcessIdentity | null {
  let at = pid;
  for (let level = 0; level < 4; level++) {
    at = parentOf(at);
    if (at <= 1) return null;
    if (commandLine(at).includes('npm')) return identifyProcess(at);
  }
  return null;
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
