import { join } from 'node:path';
import { consume } from '@vanda/queue';
import { type Claim, claimNextJob, listen, renewLeases } from '@vanda/records';
import type { Role, WorkerDeps } from '../deps.ts';
import { announceRate } from './announce-rate.ts';
import { Attempt, type AttemptDeps } from './attempt.ts';
import { DatasetCache } from './dataset-cache.ts';
import { shipLeftovers } from './leftovers.ts';

/** Postgres is asked for work at this pace too, so that a Redis that is away delays jobs and stops none. */
const askEveryMs = 3000;
const beatMsMax = 1000;
const leftoversEveryMs = 10_000;

/**
 * Takes jobs as long as slots are free and trains each in a process of its own. A doorbell says that there is work;
 * which job it is, Postgres decides, by priority and age.
 */
export async function startTrainRole(deps: WorkerDeps): Promise<Role> {
  const { config, db, log } = deps;
  const attemptsFolder = join(config.home, 'attempts');
  const cacheFolder = join(config.home, 'cache', 'datasets');
  const attemptDeps: AttemptDeps = {
    ...deps,
    attemptsFolder,
    cache: new DatasetCache(cacheFolder, deps.objects, config.cacheBytesMax),
    childEnvironment: config.childEnvironment,
  };
  const running = new Map<string, { attempt: Attempt; done: Promise<void> }>();
  const worker = { id: deps.workerId, devices: ['cpu'], leaseMs: config.leaseMs };
  let stopping = false;
  let claiming: Promise<void> | null = null;
  let askAgain = false;

  const start = (claim: Claim, claimedAt: number) => {
    const attempt = new Attempt(attemptDeps, claim, claimedAt);
    const done = attempt.run().finally(() => {
      running.delete(claim.attemptId);
      void ask();
    });
    running.set(claim.attemptId, { attempt, done });
  };
  const claimAll = async () => {
    // Gives `claiming` its value before it is taken away again below.
    await null;
    try {
      while (askAgain && !stopping && running.size < config.slots) {
        const claimedAt = performance.now();
        askAgain = false;
        const claim = await claimNextJob(db, worker);
        if (claim === null) continue;
        askAgain = true;
        start(claim, claimedAt);
      }
    } catch (error) {
      log.warn({ err: (error as Error).message }, 'jobs cannot be claimed now');
    }
    if (stopping || running.size >= config.slots) doorbell.pause();
    else doorbell.resume();
    claiming = null;
  };
  /** One claim at a time; a ring that comes meanwhile is answered by the same round. */
  const ask = (): Promise<void> => {
    askAgain = true;
    claiming ??= claimAll();
    return claiming;
  };
  const doorbell = consume(
    config.redisUrl,
    'training',
    async () => {
      if (stopping || running.size >= config.slots) return 'later';
      await ask();
      return 'done';
    },
    { onError: (error) => log.debug({ err: error.message }, 'doorbell') },
  );

  let beating = false;
  const beat = async () => {
    // Even while Postgres answers nothing at all: by then somebody else may have the job.
    for (const { attempt } of running.values()) {
      if (attempt.leaseHasRunOut) attempt.stop('lost');
    }
    if (beating) return;
    beating = true;
    try {
      const attempts = [...running.values()].map(({ attempt }) => attempt);
      const askedAt = performance.now();
      const states = await renewLeases(
        db,
        attempts.map(({ claim }) => claim),
        config.leaseMs,
      );
      for (const attempt of attempts) {
        const state = states.get(attempt.claim.attemptId);
        if (state === undefined) {
          // It may just have ended in order; a stop does no harm to one that has.
          if (running.has(attempt.claim.attemptId)) attempt.stop('lost');
          continue;
        }
        attempt.held(askedAt);
        if (state === 'cancelling') attempt.stop('cancel');
        if (state === 'pausing') attempt.stop('pause');
        await attempt.report();
      }
    } catch (error) {
      log.warn({ err: (error as Error).message }, 'leases cannot be renewed now');
    } finally {
      beating = false;
    }
  };
  const cancelled = listen(config.databaseUrl, ['vanda_cancel'], () => void beat());
  const ship = () =>
    shipLeftovers(deps, attemptsFolder, new Set(running.keys())).catch((error: Error) =>
      log.warn({ err: error.message }, 'leftovers wait'),
    );
  const timers = [
    setInterval(() => void beat(), Math.min(beatMsMax, config.leaseMs / 4)),
    setInterval(() => void ask(), askEveryMs),
    setInterval(() => void ship(), leftoversEveryMs),
  ];
  const measuring = new AbortController();
  void announceRate(deps, measuring.signal);
  void ship();
  void ask();
  return {
    busy: () => running.size,
    async stop() {
      stopping = true;
      measuring.abort();
      doorbell.pause();
      await claiming;
      for (const { attempt } of running.values()) attempt.stop('preempt');
      // Leases are renewed to the end, so that what the attempts write down still counts.
      await Promise.all([...running.values()].map(({ done }) => done));
      for (const timer of timers) clearInterval(timer);
      await cancelled.close();
      await doorbell.close(1000);
    },
  };
}
