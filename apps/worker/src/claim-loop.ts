import type { QueueName } from '@vanda/contracts';
import { consume } from '@vanda/queue';
import type { Role, WorkerDeps } from './deps.ts';

/** Postgres is asked at this pace too, so that a Redis that is away delays work and stops none. */
const askEveryMs = 3000;

/** Work that a role takes, one claim after another, up to so many at once. */
export interface ClaimLoop<Claim> {
  queue: QueueName;
  atOnce: number;
  /** The next that waits, with a lease; null when there is none. */
  claim(): Promise<Claim | null>;
  idOf(claim: Claim): string;
  /** From claim to end; never throws. Aborted where the worker stops. */
  perform(claim: Claim, stop: AbortSignal): Promise<void>;
}

export function startClaimLoop<Claim>(
  { config, log }: WorkerDeps,
  { queue, atOnce, claim, idOf, perform }: ClaimLoop<Claim>,
): Role {
  const running = new Map<string, { stop: AbortController; done: Promise<void> }>();
  let stopping = false;
  let claiming: Promise<void> | null = null;
  let askAgain = false;

  const claimAll = async () => {
    do {
      askAgain = false;
      while (!stopping && running.size < atOnce) {
        const claimed = await claim();
        if (claimed === null) break;
        const id = idOf(claimed);
        const stop = new AbortController();
        const done = perform(claimed, stop.signal).finally(() => {
          running.delete(id);
          void ask();
        });
        running.set(id, { stop, done });
      }
    } while (askAgain);
    if (running.size < atOnce) doorbell.resume();
    else doorbell.pause();
  };
  /** One claim at a time; a ring that comes meanwhile is answered after it. */
  const ask = (): Promise<void> => {
    if (stopping) return Promise.resolve();
    askAgain = true;
    claiming ??= claimAll()
      .catch((error: Error) =>
        log.warn({ queue, err: error.message }, 'nothing can be claimed now'),
      )
      .finally(() => {
        claiming = null;
      });
    return claiming;
  };
  const doorbell = consume(
    config.redisUrl,
    queue,
    async () => {
      if (stopping || running.size >= atOnce) return 'later';
      await ask();
      return 'done';
    },
    { onError: (error) => log.debug({ err: error.message }, 'doorbell') },
  );
  const timer = setInterval(() => void ask(), askEveryMs);
  void ask();
  return {
    busy: () => 0,
    async stop() {
      stopping = true;
      clearInterval(timer);
      doorbell.pause();
      await claiming;
      for (const { stop } of running.values()) stop.abort(new Error('The worker stops.'));
      await Promise.all([...running.values()].map(({ done }) => done));
      await doorbell.close(1000);
    },
  };
}
