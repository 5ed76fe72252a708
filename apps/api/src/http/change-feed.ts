import { listen } from '@vanda/records';

/**
 * Wakes the live streams: Postgres' notifications where they come, a slow clock where one was lost. Whoever is woken
 * reads the facts anew, so waking too often costs a query and never a wrong answer.
 */
export interface ChangeFeed {
  /** Resolves at the next change (of anything), after `maxMs` at the latest, or when `signal` aborts. */
  next(maxMs: number, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** Changes within this time wake once: a training job writes several times a second. */
const gatherMs = 150;

export function openChangeFeed(databaseUrl: string): ChangeFeed {
  const waiting = new Set<() => void>();
  let timer: NodeJS.Timeout | undefined;
  const wake = () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      for (const resume of [...waiting]) resume();
    }, gatherMs);
  };
  const listener = listen(databaseUrl, ['vanda_history', 'vanda_telemetry'], wake, wake);
  return {
    next(maxMs, signal) {
      return new Promise((resolve) => {
        const resume = () => {
          clearTimeout(late);
          waiting.delete(resume);
          signal.removeEventListener('abort', resume);
          resolve();
        };
        const late = setTimeout(resume, maxMs);
        waiting.add(resume);
        signal.addEventListener('abort', resume, { once: true });
        if (signal.aborted) resume();
      });
    },
    async close() {
      clearTimeout(timer);
      await listener.close();
    },
  };
}
