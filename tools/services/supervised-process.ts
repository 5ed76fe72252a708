import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { identifyProcess, send, writeIdentity } from './process-identity.ts';
import { RotatingLog } from './rotating-log.ts';

/** How a server is run: everything that its supervisor must know. */
export interface ProcessSpec {
  name: string;
  /** Programs that set the stage and then become the next one in the line (unshare, setpriv). */
  wrapper?: string[];
  command: string;
  args: string[];
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Asks for an ordered end; Postgres wants SIGINT, the rest SIGTERM. */
  stopSignal?: NodeJS.Signals;
  /** How long an ordered end may take before SIGKILL. */
  graceMs?: number;
  /** True once the server takes work. Without it, a line `{"ready":true}` on stdout says so. */
  probe?: () => boolean | Promise<boolean>;
  readyTimeoutMs?: number;
  /** Where stdout and stderr go. */
  logFile?: string;
  /** Names the process while it lives, so that a later start can end what was left behind. */
  pidFile?: string;
}

export type ProcessEvent =
  | { kind: 'line'; name: string; stream: 'stdout' | 'stderr'; line: string }
  | { kind: 'ended'; name: string; how: string; upMs: number; delayMs: number; tail: string[] }
  | { kind: 'ready'; name: string; tookMs: number; restarts: number };

const backOffFirstMs = 250;
const backOffMaxMs = 15_000;
const healthyAfterMs = 30_000;
const tailLines = 12;

/**
 * One server under supervision: started, watched, started again with back-off when it dies, and
 * stopped in order. It runs in a session of its own, so that Ctrl-C in the terminal reaches only
 * the supervisor, and with a parent-death signal, so that it never outlives the supervisor, even
 * when that is killed. The signal is bound to the thread that spawns: start from the main thread.
 */
export class SupervisedProcess {
  readonly spec: ProcessSpec;
  readonly #listen: (event: ProcessEvent) => void;
  readonly #log: RotatingLog | null;
  #child: ChildProcess | null = null;
  #ready: PromiseWithResolvers<void> = Promise.withResolvers();
  #startedAt = 0;
  #restarts = 0;
  #quickDeaths = 0;
  #wanted = false;
  #tail: string[] = [];
  readonly #wake = new AbortController();

  constructor(spec: ProcessSpec, listen: (event: ProcessEvent) => void = () => {}) {
    this.spec = spec;
    this.#listen = listen;
    this.#log = spec.logFile ? new RotatingLog(spec.logFile) : null;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** Resolves when the present incarnation (or, while it is down, the next one) takes work. */
  ready(): Promise<void> {
    return this.#ready.promise;
  }

  /**
   * Starts the server and waits until it takes work. A server that dies before that for the first
   * time is not tried again: the reason is in the error.
   */
  async start(): Promise<void> {
    this.#wanted = true;
    const exit = this.#launch();
    const early = exit.then((how) => {
      throw new Error(
        [`${this.spec.name} ended before it was ready (${how}).`, ...this.#tail].join('\n'),
      );
    });
    try {
      await Promise.race([this.#ready.promise, early]);
    } catch (error) {
      this.#wanted = false;
      await this.stop();
      throw error;
    }
    early.catch(() => {});
    void this.#watch(exit);
  }

  /** Sends a signal to the server; fault tests kill and freeze with it. */
  signal(signal: NodeJS.Signals): void {
    if (this.#child?.pid) send(this.#child.pid, signal);
  }

  /** Kills the server as a fault would, and resolves when it has been started again and is ready. */
  async killAndWait(): Promise<void> {
    const child = this.#child;
    this.signal('SIGKILL');
    while (this.#child === child) await sleep(20);
    await this.#ready.promise;
  }

  /** Ends the server for good: in order, and by force when it takes longer than its grace. */
  async stop(): Promise<void> {
    this.#wanted = false;
    this.#wake.abort();
    const child = this.#child;
    if (child?.pid && child.exitCode === null && child.signalCode === null) {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      send(child.pid, 'SIGCONT');
      send(child.pid, this.spec.stopSignal ?? 'SIGTERM');
      const kill = setTimeout(() => child.kill('SIGKILL'), this.spec.graceMs ?? 10_000);
      await exited;
      clearTimeout(kill);
    }
    this.#log?.close();
  }

  async #watch(firstExit: Promise<string>): Promise<void> {
    let exit = firstExit;
    for (;;) {
      const how = await exit;
      if (!this.#wanted) return;
      const upMs = Date.now() - this.#startedAt;
      this.#quickDeaths = upMs > healthyAfterMs ? 0 : this.#quickDeaths + 1;
      const doublings = Math.min(Math.max(this.#quickDeaths - 1, 0), 8);
      const delayMs = Math.min(backOffFirstMs * 2 ** doublings, backOffMaxMs);
      const { name } = this.spec;
      this.#listen({ kind: 'ended', name, how, upMs, delayMs, tail: this.#tail });
      await sleep(delayMs, null, { signal: this.#wake.signal }).catch(() => {});
      if (!this.#wanted) return;
      this.#restarts++;
      exit = this.#launch();
    }
  }

  /** Spawns one incarnation; the promise tells how it ended. */
  #launch(): Promise<string> {
    const { spec } = this;
    const [command, args] = tieToParent(spec);
    this.#startedAt = Date.now();
    this.#tail = [];
    const child = spawn(command, args, {
      cwd: spec.cwd,
      env: spec.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#child = child;
    const ready = this.#ready;
    let isReady = false;
    const becomeReady = () => {
      const tookMs = Date.now() - this.#startedAt;
      isReady = true;
      ready.resolve();
      this.#listen({ kind: 'ready', name: spec.name, tookMs, restarts: this.#restarts });
    };
    const onLine = (stream: 'stdout' | 'stderr', line: string) => {
      this.#log?.write(`${line}\n`);
      if (!spec.probe && stream === 'stdout' && saysReady(line)) becomeReady();
      this.#tail.push(line);
      if (this.#tail.length > tailLines) this.#tail.shift();
      this.#listen({ kind: 'line', name: spec.name, stream, line });
    };
    splitLines(child.stdout, (line) => onLine('stdout', line));
    splitLines(child.stderr, (line) => onLine('stderr', line));
    if (child.pid && spec.pidFile) writeIdentity(spec.pidFile, child.pid);
    const closed = new Promise((resolve) => child.once('close', resolve));
    const exit = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    }).then(async (how) => {
      this.#sweep(child);
      await Promise.race([closed, sleep(500)]);
      // Whoever waits for one that died before it took work waits for the next one.
      if (isReady) this.#ready = Promise.withResolvers();
      return how;
    });
    if (spec.probe) void this.#poll(spec.probe, child, becomeReady);
    const limit = setTimeout(() => {
      const seconds = Math.round((spec.readyTimeoutMs ?? 60_000) / 1000);
      this.#tail.push(`${spec.name} was not ready within ${seconds} s.`);
      child.kill('SIGKILL');
    }, spec.readyTimeoutMs ?? 60_000);
    void Promise.race([ready.promise, exit]).finally(() => clearTimeout(limit));
    return exit;
  }

  async #poll(probe: () => boolean | Promise<boolean>, child: ChildProcess, done: () => void) {
    while (child.exitCode === null && child.signalCode === null) {
      if (await Promise.resolve(probe()).catch(() => false)) return done();
      await sleep(50);
    }
  }

  /** After the server's end: nothing of its process group may live on, and nobody is named. */
  #sweep(child: ChildProcess): void {
    if (child.pid) send(-child.pid, 'SIGKILL');
    if (this.spec.pidFile) rmSync(this.spec.pidFile, { force: true });
  }
}

let setpriv: string | null | undefined;

/**
 * The command line that makes the kernel end the server when its supervisor dies (Linux). Changing
 * the user or the namespace clears the parent-death signal, so it is set after the wrapper.
 */
function tieToParent(spec: ProcessSpec): [string, string[]] {
  setpriv ??= ['/usr/bin/setpriv', '/bin/setpriv'].find((file) => existsSync(file)) ?? null;
  const signal = (spec.stopSignal ?? 'SIGTERM').slice('SIG'.length);
  const tie = setpriv ? [setpriv, '--pdeathsig', signal, '--'] : [];
  const [program = spec.command, ...rest] = [...(spec.wrapper ?? []), ...tie, spec.command];
  return [program, [...rest, ...spec.args]];
}

function saysReady(line: string): boolean {
  if (!line.startsWith('{') || !line.includes('"ready"')) return false;
  try {
    return (JSON.parse(line) as { ready?: unknown }).ready === true;
  } catch {
    return false;
  }
}

function splitLines(stream: NodeJS.ReadableStream | null, onLine: (line: string) => void): void {
  let rest = '';
  stream?.setEncoding('utf8');
  stream?.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
  stream?.on('end', () => {
    if (rest) onLine(rest);
  });
}

/** Whether a process with this id lives (not as a zombie). */
export function processLives(pid: number): boolean {
  return identifyProcess(pid) !== null;
}
