import { Worker } from 'node:worker_threads';
import { VandaError } from '@vanda/contracts';
import { train } from '@vanda/estimators';
import type { FromChild, ToChild } from './messages.ts';

/**
 * The process of one attempt: trains what it is told to, and ends. It knows neither Postgres nor the object store.
 * It must never outlive its worker: the kernel ends it with its parent where `setpriv` set that up, a thread and a
 * closed channel end it elsewhere, and so does a worker that is not heard of (frozen, or cut off from Postgres).
 */
if (process.argv.includes('--watch-parent')) {
  const workerData = { parent: process.ppid };
  new Worker(new URL('./parent-watch.ts', import.meta.url), { workerData }).unref();
}
const stop = new AbortController();
let heardUntil = Number.POSITIVE_INFINITY;

process.on('disconnect', () => process.exit(1));
process.on('message', (message: ToChild) => {
  if (message.type === 'stop') stop.abort(new Stopped());
  if (message.type === 'held') heardUntil = performance.now() + message.forMs;
  if (message.type === 'start') void run(message);
});
setInterval(() => {
  if (performance.now() > heardUntil) process.exit(1);
}, 500).unref();
// Ctrl-C in a terminal reaches the whole group: the worker decides what becomes of its attempts.
process.on('SIGINT', () => {});
send({ type: 'loaded' });

class Stopped extends Error {}

async function run(start: Extract<ToChild, { type: 'start' }>): Promise<void> {
  const points = gatherPoints();
  try {
    const result = await train(
      start.spec,
      start.data,
      {
        workDir: start.workDir,
        threads: start.threads,
        ...(start.resumeFrom === null ? {} : { resumeFrom: start.resumeFrom }),
        ...(start.baseFolder === null ? {} : { baseFolder: start.baseFolder }),
        signal: stop.signal,
      },
      {
        progress: (progress) => send({ type: 'progress', progress }),
        metrics: points.add,
        log: (line) => send({ type: 'log', line }),
        checkpoint: (checkpoint) => {
          // The worker holds a checkpoint back until the points before it are safe.
          points.flush();
          send({ type: 'checkpoint', ...checkpoint });
        },
        preview: (preview) => send({ type: 'preview', preview }),
      },
    );
    points.flush();
    end({ type: 'done', result });
  } catch (error) {
    points.flush();
    end(failureOf(error));
  }
}

function failureOf(error: unknown): FromChild {
  if (stop.signal.aborted) return { type: 'stopped' };
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const full = /ENOSPC|EDQUOT|No space left|Disk quota/.test(text);
  if (error instanceof VandaError && !full) {
    return { type: 'failed', code: error.code, message: error.message, full };
  }
  return { type: 'failed', code: null, message: text.slice(0, 4000), full };
}

/** A fast model makes thousands of points a second; one message for each would cost more than its step. */
function gatherPoints() {
  let held: Extract<FromChild, { type: 'metrics' }>['points'] = [];
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (held.length > 0) send({ type: 'metrics', points: held });
    held = [];
  };
  const add = (points: typeof held) => {
    for (const point of points) held.push(point);
    if (held.length >= 1000) flush();
    else timer ??= setTimeout(flush, 50);
  };
  return { add, flush };
}

function send(message: FromChild): void {
  process.send?.(message);
}

/** Everything that was sent is on its way before the process ends. */
function end(message: FromChild): void {
  process.send?.(message, undefined, undefined, () => process.exit(0));
}
