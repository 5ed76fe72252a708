import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { memoryKills } from './memory-kills.ts';
import type { FromChild, ToChild } from './messages.ts';

const script = fileURLToPath(new URL('./child.ts', import.meta.url));
const stderrTailMax = 4000;

/** How the process ended, as far as it can be told from outside. */
export interface ProcessEnd {
  /** As a sentence: "The training process was ended by SIGSEGV." */
  how: string;
  outOfMemory: boolean;
}

export interface TrainingProcess {
  readonly pid: number | undefined;
  /** Whether its program was there: what fails before that is the installation's fault and not the job's. */
  loaded(): boolean;
  send(message: ToChild): void;
  kill(): void;
  /** Resolves once it is gone and everything that it sent has been heard. */
  ended: Promise<ProcessEnd>;
}

/**
 * Starts the process of one attempt. On Linux the kernel kills it when this process dies, be it by SIGKILL
 * (prctl(2) PR_SET_PDEATHSIG, set by util-linux' setpriv just before Node takes over); spawn from the main thread.
 */
export function startTrainingProcess(
  options: { env: NodeJS.ProcessEnv; cwd: string; setpriv?: string | null },
  onMessage: (message: Exclude<FromChild, { type: 'loaded' }>) => void,
  onOutput: (text: string) => void,
): TrainingProcess {
  const killsBefore = memoryKills();
  const { setpriv = found } = options;
  const [command, args] =
    setpriv === null
      ? [process.execPath, [script, '--watch-parent']]
      : [setpriv, ['--pdeathsig', 'KILL', '--', process.execPath, script]];
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  yieldToServers(child.pid);
  let tail = '';
  const listen = (chunk: string) => {
    tail = (tail + chunk).slice(-stderrTailMax);
    onOutput(chunk);
  };
  child.stdout?.setEncoding('utf8').on('data', onOutput);
  child.stderr?.setEncoding('utf8').on('data', listen);
  let loaded = false;
  child.on('message', (message: FromChild) => {
    if (message.type === 'loaded') loaded = true;
    else onMessage(message);
  });
  return {
    pid: child.pid,
    loaded: () => loaded,
    send(message) {
      if (child.connected) child.send(message, () => {});
    },
    kill() {
      child.kill('SIGKILL');
    },
    ended: whenGone(child).then((how) => ({
      how: [`The training process ${how}.`, lastLine(tail)].filter(Boolean).join(' '),
      outOfMemory:
        /heap out of memory|bad_alloc|Cannot allocate memory/.test(tail) ||
        (child.signalCode === 'SIGKILL' && memoryKills() > killsBefore),
    })),
  };
}

/** On one machine the pages and predictions come first; threads inherit it, so it is set before there are any. */
function yieldToServers(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, 5);
  } catch {
    // It is gone already, or this system forbids it: it trains all the same.
  }
}

const found = ['/usr/bin/setpriv', '/bin/setpriv'].find((file) => existsSync(file)) ?? null;

/** `close` comes after `exit` when the pipes are empty; a grandchild that keeps one open must not hold us up. */
function whenGone(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(`could not be started: ${error.message}`));
    child.once('exit', (code, signal) => {
      const how = signal === null ? `ended with the exit code ${code}` : `was ended by ${signal}`;
      const closed = new Promise((done) => child.once('close', done));
      const heard = new Promise((done) => {
        if (child.connected) child.once('disconnect', done);
        else done(null);
      });
      void Promise.all([closed, heard]).then(() => resolve(how));
      setTimeout(() => resolve(how), 2000).unref();
    });
  });
}

function lastLine(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const said = lines.findLast((line) => /error|abort|what\(\)|fatal/i.test(line)) ?? lines.at(-1);
  return said === undefined ? '' : `It said: ${said.trim().slice(0, 300)}`;
}
