import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { root } from '../setup/npm-packages.mjs';

/** A program that takes only what nobody else wants of the processors (Linux; elsewhere it runs as any other). */
export interface IdleProcess {
  /** Resolves when it has ended, in whichever way. */
  ended: Promise<void>;
  stop(): void;
}

export function startIdle(command: string[]): IdleProcess {
  const chrt = '/usr/bin/chrt';
  const idle = existsSync(chrt) ? [chrt, '--idle', '0'] : [];
  const [program = '', ...args] = [...idle, ...command];
  // A session of its own: the kernel shares the processors among sessions before it looks at who in them is idle.
  const child = spawn(program, args, { cwd: root, stdio: 'ignore', detached: true });
  let over = false;
  const ended = new Promise<void>((resolve) => {
    const end = () => {
      over = true;
      resolve();
    };
    child.once('exit', end);
    child.once('error', end);
  });
  if (child.pid) {
    try {
      writeFileSync(`/proc/${child.pid}/autogroup`, '19');
    } catch {
      // A kernel that does not share by sessions.
    }
  }
  // With whatever it started.
  const stop = () => {
    if (!over && child.pid) process.kill(-child.pid, 'SIGTERM');
  };
  return { ended, stop };
}
