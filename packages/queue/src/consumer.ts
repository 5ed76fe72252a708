import { type QueueName, type QueuePayload, queues } from '@vanda/contracts';
import { DelayedError, type Job, Worker } from 'bullmq';
import { connectToConsume } from './connection.ts';
import { queuePrefix } from './sender.ts';

/** `later` puts the entry back for a moment, for another worker or for this one when it has room. */
export type Handled = 'done' | 'later';

/**
 * Called for each entry. The entry is a hint that there is work; whether there is, and who does it, is decided in
 * Postgres. `signal` aborts when the entry's lock could not be renewed: another worker may be given the same entry
 * then. A handler that holds a lease in Postgres can go on regardless.
 */
export type Handler<Q extends QueueName> = (
  payload: QueuePayload<Q>,
  signal: AbortSignal,
) => Promise<Handled | undefined>;

export interface Consumer {
  /** Resolves once it listens. */
  ready(): Promise<void>;
  /** Takes no further entries, which leaves them to workers that have room. */
  pause(): void;
  resume(): void;
  /** Waits for handlers that run, at most `graceMs`. */
  close(graceMs?: number): Promise<void>;
}

export interface ConsumerOptions {
  concurrency?: number;
  onError?: (error: Error) => void;
}

/** BullMQ never retries and never hands out a stalled entry again: Postgres owns both. */
const entryLockMs = 10_000;
const stalledCheckMs = 5000;
const putBackMs = 300;

export function consume<Q extends QueueName>(
  redisUrl: string,
  queue: Q,
  handler: Handler<Q>,
  options: ConsumerOptions = {},
): Consumer {
  const connection = connectToConsume(redisUrl);
  const onError = options.onError ?? (() => {});
  connection.on('error', onError);
  const schema = queues[queue].payload;
  let paused = false;
  const process = async (job: Job, token?: string, signal?: AbortSignal): Promise<void> => {
    const payload = schema.safeParse(job.data);
    if (!payload.success) {
      onError(new Error(`An entry of ${queue} is not as the catalogue says and was dropped.`));
      return;
    }
    const never = new AbortController().signal;
    // BullMQ, paused while it waits for an entry, still takes the one that ends its wait.
    const handled = paused
      ? 'later'
      : await handler(payload.data as QueuePayload<Q>, signal ?? never);
    if (handled !== 'later') return;
    await job.moveToDelayed(Date.now() + putBackMs, token);
    throw new DelayedError();
  };
  const worker = new Worker(queue, process, {
    connection,
    prefix: queuePrefix,
    concurrency: options.concurrency ?? 1,
    maxStalledCount: 0,
    lockDuration: entryLockMs,
    stalledInterval: stalledCheckMs,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
    drainDelay: 5,
  });
  // Losing the lock never stops a handler by itself in BullMQ.
  worker.on('lockRenewalFailed', (ids) => {
    for (const id of ids) worker.cancelJob(id, 'The entry belongs to another worker by now.');
  });
  worker.on('error', onError);
  return {
    async ready() {
      await worker.waitUntilReady();
    },
    pause() {
      paused = true;
      worker.pause(true).catch(onError);
    },
    resume() {
      paused = false;
      worker.resume();
    },
    async close(graceMs = 5000) {
      const grace = new Promise((resolve) => setTimeout(resolve, graceMs).unref());
      await Promise.race([worker.close().catch(onError), grace]);
      connection.disconnect();
    },
  };
}
