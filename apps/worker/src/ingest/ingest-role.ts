import { join } from 'node:path';
import { consume } from '@vanda/queue';
import { claimNextIngest } from '@vanda/records';
import type { Role, WorkerDeps } from '../deps.ts';
import { performIngest } from './perform-ingest.ts';
import { sweepFolders } from './work-folder.ts';

/** Postgres is asked at this pace too, so that a Redis that is away delays a push and stops none. */
const askEveryMs = 3000;
const ingestsAtOnce = 2;

/** Turns pushes into dataset versions, each in a process of its own. */
export async function startIngestRole(deps: WorkerDeps): Promise<Role> {
  const { config, db, log } = deps;
  const folder = join(config.home, 'ingests');
  await sweepFolders(folder);
  const running = new Map<string, { stop: AbortController; done: Promise<void> }>();
  const worker = { id: deps.workerId, leaseMs: config.leaseMs };
  let stopping = false;
  let claiming: Promise<void> | null = null;
  let askAgain = false;

  const claimAll = async () => {
    do {
      askAgain = false;
      while (!stopping && running.size < ingestsAtOnce) {
        const claim = await claimNextIngest(db, worker);
        if (claim === null) break;
        const stop = new AbortController();
        const done = performIngest(deps, claim, folder, stop.signal).finally(() => {
          running.delete(claim.ingestId);
          void ask();
        });
        running.set(claim.ingestId, { stop, done });
      }
    } while (askAgain);
    if (running.size < ingestsAtOnce) doorbell.resume();
    else doorbell.pause();
  };
  /** One claim at a time; a ring that comes meanwhile is answered after it. */
  const ask = (): Promise<void> => {
    if (stopping) return Promise.resolve();
    askAgain = true;
    claiming ??= claimAll()
      .catch((error: Error) => log.warn({ err: error.message }, 'pushes cannot be claimed now'))
      .finally(() => {
        claiming = null;
      });
    return claiming;
  };
  const doorbell = consume(
    config.redisUrl,
    'ingest',
    async () => {
      if (stopping || running.size >= ingestsAtOnce) return 'later';
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
