import { VandaError } from '@vanda/contracts';
import type { FromIngestChild, ToIngestChild } from './ingest-messages.ts';
import { runIngest } from './run-ingest.ts';

/**
 * The process of one ingest: reads what strangers sent, knows neither Postgres nor the store, and
 * ends. A crash on hostile data kills this and nothing else.
 */
process.on('disconnect', () => process.exit(1));
// Ctrl-C in a terminal reaches the whole group: the worker decides what becomes of its ingests.
process.on('SIGINT', () => {});
process.on('message', (message: ToIngestChild) => void run(message.task));

async function run(task: ToIngestChild['task']): Promise<void> {
  let toldAt = 0;
  const onProgress = (percent: number, note: string) => {
    if (Date.now() - toldAt < 200) return;
    toldAt = Date.now();
    process.send?.({ type: 'progress', percent, note } satisfies FromIngestChild);
  };
  try {
    end({ type: 'done', result: await runIngest({ ...task, onProgress }) });
  } catch (error) {
    end(failureOf(error));
  }
}

function failureOf(error: unknown): FromIngestChild {
  if (error instanceof VandaError) {
    return { type: 'failed', code: error.code, message: error.message };
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (/ENOSPC|No space left on device/.test(text)) {
    const message = 'The disk of the worker is full: the push waits until there is room.';
    return { type: 'failed', code: 'unavailable', message };
  }
  return { type: 'failed', code: null, message: text.slice(0, 4000) };
}

function end(message: FromIngestChild): void {
  process.send?.(message, undefined, undefined, () => process.exit(0));
}
