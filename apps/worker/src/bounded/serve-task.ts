import { VandaError } from '@vanda/contracts';
import type { FromProcess, ToProcess } from './bounded-process.ts';

/**
 * What a process of `inBoundedProcess` does: the one task that it is told, which may be about what strangers sent. It
 * knows neither Postgres nor the store, and ends. A crash kills this process and nothing else.
 */
export function serveTask<Task, Result>(
  perform: (task: Task, onProgress: (percent: number, note: string) => void) => Promise<Result>,
): void {
  const end = (message: FromProcess<Result>) =>
    process.send?.(message, undefined, undefined, () => process.exit(0));
  let toldAt = 0;
  const onProgress = (percent: number, note: string) => {
    if (Date.now() - toldAt < 200) return;
    toldAt = Date.now();
    process.send?.({ type: 'progress', percent, note } satisfies FromProcess<Result>);
  };
  process.on('disconnect', () => process.exit(1));
  // Ctrl-C in a terminal reaches the whole group: the worker decides what becomes of its work.
  process.on('SIGINT', () => {});
  process.on('message', ({ task }: ToProcess<Task>) => {
    perform(task, onProgress).then(
      (result) => end({ type: 'done', result }),
      (error) => end(failureOf(error)),
    );
  });
}

function failureOf(error: unknown): FromProcess<never> {
  if (error instanceof VandaError) {
    return { type: 'failed', code: error.code, message: error.message };
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (/ENOSPC|No space left on device/.test(text)) {
    const message = 'The disk of the worker is full: this waits until there is room.';
    return { type: 'failed', code: 'unavailable', message };
  }
  return { type: 'failed', code: null, message: text.slice(0, 4000) };
}
