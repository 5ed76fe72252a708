import { listen } from '@vanda/records';

/**
 * Wakes the live streams: Postgres' notifications where they come, a slow clock where one was lost. Whoever is woken
 * reads the facts anew, so waking too often costs a query and never a wrong answer.
 */
export interface ChangeFeed {
  /**
   * Resolves at the next change of one of these projects or jobs (ids), after `maxMs` at the latest, or when `signal`
   * aborts. Ask before reading: a change that comes while one reads is not missed then.
   */
  next(about: string[], maxMs: number, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** Changes within this time wake once: a training job writes several times a second. */
const gatherMs = 150;

export function openChangeFeed(databaseUrl: string): ChangeFeed {
  const waiting = new Map<() => void, string[]>();
  /** What has changed since streams were woken last; null is anything, after a lost connection. */
  let changed: Set<string> | null = new Set();
  let timer: NodeJS.Timeout | undefined;
  const wake = () => {
    const what = changed;
    changed = new Set();
    timer = undefined;
    for (const [resume, about] of [...waiting]) {
      if (what === null || about.some((id) => what.has(id))) resume();
    }
  };
  const note = (id: string | null) => {
    if (id === null) changed = null;
    else changed?.add(id);
    timer ??= setTimeout(wake, gatherMs);
  };
  const listener = listen(
    databaseUrl,
    ['vanda_history', 'vanda_telemetry'],
    (_, payload) => note(payload),
    () => note(null),
  );
  return {
    next(about, maxMs, signal) {
      return new Promise((resolve) => {
        const resume = () => {
          clearTimeout(late);
          waiting.delete(resume);
          signal.removeEventListener('abort', resume);
          resolve();
        };
        const late = setTimeout(resume, maxMs);
        waiting.set(resume, about);
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
