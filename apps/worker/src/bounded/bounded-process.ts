import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type ErrorCode, VandaError } from '@vanda/contracts';

const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((file) => existsSync(file)) ?? null;
const stderrTailMax = 2000;
const heapMaxMb = 2048;
const watchEveryMs = 250;

/** The process died of its data or its machine; how is in the sentence. */
export class ProcessCrash extends Error {}

/** What the process is told, over Node's channel, and what it tells. */
export type ToProcess<Task> = { type: 'start'; task: Task };
export type FromProcess<Result> =
  | { type: 'progress'; percent: number; note: string }
  | { type: 'done'; result: Result }
  /** `code` is null where it was none of the errors that a user may read. */
  | { type: 'failed'; code: ErrorCode | null; message: string };

export type BoundedProcessOptions<Task> = {
  /** A file that hands its work to `serveTask`. */
  script: string;
  /** What it does, as a sentence begins: "Reading the data". */
  doing: string;
  task: Task;
  workDir: string;
  env: Record<string, string>;
  onProgress: (percent: number, note: string) => void;
  signal: AbortSignal;
  /** Of physical memory; what needs more is ended. */
  memoryMaxBytes: number;
  timeoutMs: number;
};

/**
 * Does a task in a process of its own, with bounds on its memory and its time. Throws what the
 * user may read as VandaError, a death as ProcessCrash, and the signal's reason when it is aborted.
 */
export async function inBoundedProcess<Task, Result>(
  options: BoundedProcessOptions<Task>,
): Promise<Result> {
  const { signal, onProgress, doing } = options;
  signal.throwIfAborted();
  const child = start(options);
  let answer: FromProcess<Result> | undefined;
  let verdict: Error | undefined;
  let tail = '';
  const kill = (reason: Error) => {
    verdict ??= reason;
    child.kill('SIGKILL');
  };
  const onAbort = () => kill(signal.reason);
  signal.addEventListener('abort', onAbort);
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-stderrTailMax);
  });
  child.on('message', (message: FromProcess<Result>) => {
    if (message.type === 'progress') onProgress(message.percent, message.note);
    else answer = message;
  });
  const startedAt = performance.now();
  const watch = setInterval(async () => {
    if (performance.now() - startedAt > options.timeoutMs) {
      const minutes = Math.round(options.timeoutMs / 60_000);
      kill(new VandaError('timed-out', `${doing} took longer than ${minutes} minutes.`));
    }
    if ((await residentBytes(child.pid)) > options.memoryMaxBytes) {
      const mib = Math.round(options.memoryMaxBytes / 1024 ** 2);
      kill(new VandaError('out-of-memory', `${doing} needs more than ${mib} MiB of memory.`));
    }
  }, watchEveryMs);
  child.send({ type: 'start', task: options.task } satisfies ToProcess<Task>, () => {});
  const how = await ended(child);
  clearInterval(watch);
  signal.removeEventListener('abort', onAbort);
  if (verdict) throw verdict;
  if (answer?.type === 'done') return answer.result;
  if (answer?.type === 'failed' && answer.code) throw new VandaError(answer.code, answer.message);
  const said = answer?.type === 'failed' ? answer.message : tail.trim();
  throw new ProcessCrash(`The process ${how}. ${said}`.trim());
}

/** On Linux the kernel ends the child with this process, be it by SIGKILL; spawn from the main thread. */
function start<Task>({ env, script, workDir }: BoundedProcessOptions<Task>): ChildProcess {
  const node = [
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    `--max-old-space-size=${heapMaxMb}`,
    script,
  ];
  const line = setpriv === null ? node : [setpriv, '--pdeathsig', 'KILL', '--', ...node];
  const [command = '', ...args] = line;
  return spawn(command, args, {
    cwd: workDir,
    env,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
}

function ended(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(`could not be started: ${error.message}`));
    child.once('close', (code, signal) => {
      resolve(signal === null ? `ended with the exit code ${code}` : `was ended by ${signal}`);
    });
  });
}

async function residentBytes(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
