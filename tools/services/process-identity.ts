import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A process named for good: a process id is used again after a while, its start time with it is
 * not. `startTicks` is the 22nd field of /proc/PID/stat (proc(5)); null where there is no /proc.
 */
export interface ProcessIdentity {
  pid: number;
  startTicks: string | null;
}

/** The identity of a living process, or null when there is none with this id. */
export function identifyProcess(pid: number): ProcessIdentity | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in brackets and may hold spaces: count from its end.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return null;
    return { pid, startTicks: fields[19] ?? null };
  } catch {
    if (existsSync('/proc/self/stat')) return null;
    return isAlive(pid) ? { pid, startTicks: null } : null;
  }
}

/** Whether the very process that was named (not a later one with the same id) still lives. */
export function livesOn(identity: ProcessIdentity): boolean {
  const now = identifyProcess(identity.pid);
  return now !== null && now.startTicks === identity.startTicks;
}

/** Writes who runs under a name, so that a later start can find what was left behind. */
export function writeIdentity(file: string, pid: number): void {
  const identity = identifyProcess(pid);
  if (identity) writeFileSync(file, JSON.stringify(identity), { mode: 0o600 });
}

/** What a file written by `writeIdentity` says; null when it is missing or broken. */
export function readIdentity(file: string): ProcessIdentity | null {
  try {
    const read = JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity;
    return Number.isInteger(read.pid) && read.pid > 1 ? read : null;
  } catch {
    return null;
  }
}

/**
 * Ends the process that a file names, when it still lives: first `signal`, then SIGKILL for its
 * whole group. Answers whether there was one.
 */
export async function reapLeftover(
  file: string,
  signal: NodeJS.Signals = 'SIGTERM',
  graceMs = 10_000,
): Promise<boolean> {
  const identity = readIdentity(file);
  const lived = identity !== null && livesOn(identity);
  if (identity && lived) {
    send(identity.pid, signal);
    const deadline = Date.now() + graceMs;
    while (livesOn(identity) && Date.now() < deadline) await sleep(50);
    if (livesOn(identity)) send(identity.pid, 'SIGKILL');
    send(-identity.pid, 'SIGKILL');
  }
  rmSync(file, { force: true });
  return lived;
}

/** Sends a signal and does not mind when nobody is there any more. */
export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
