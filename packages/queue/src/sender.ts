import {
  parseOrThrow,
  type QueueName,
  type QueuePayload,
  queues,
  VandaError,
} from '@vanda/contracts';
import { Queue } from 'bullmq';
import { connectToSend, sendTimeoutMs } from './connection.ts';

export interface QueueSender {
  /**
   * Rings for one subject. An entry for it that still waits is left as it is, so ringing twice is ringing once;
   * once it has been taken, it can be rung for again. Rejects with `unavailable` while Redis is away: the
   * reconciler rings again.
   *
   * @param options.priority as in a job spec, -100 to 100, higher first.
   */
  enqueue<Q extends QueueName>(
    queue: Q,
    payload: QueuePayload<Q>,
    options?: { priority?: number },
  ): Promise<void>;
  close(): Promise<void>;
}

export interface SenderOptions {
  /** Told about a connection that breaks; sending again later is somebody else's task. */
  onError?: (error: Error) => void;
}

export function openSender(redisUrl: string, options: SenderOptions = {}): QueueSender {
  const connection = connectToSend(redisUrl);
  const onError = options.onError ?? (() => {});
  connection.on('error', onError);
  const open = new Map<QueueName, Queue>();
  const queueOf = (name: QueueName): Queue => {
    const queue = open.get(name) ?? new Queue(name, { connection, prefix: queuePrefix });
    if (!open.has(name)) queue.on('error', onError);
    open.set(name, queue);
    return queue;
  };
  return {
    async enqueue(name, payload, { priority = 0 } = {}) {
      const checked = parseOrThrow(queues[name].payload, payload) as Record<string, string>;
      const subject = checked[queues[name].subject] as string;
      const added = queueOf(name).add(name, checked, {
        jobId: subject,
        attempts: 1,
        removeOnComplete: true,
        removeOnFail: true,
        priority: entryPriority(priority),
      });
      try {
        await withinTime(added);
      } catch (cause) {
        const detail = `The queue ${name} cannot be reached: ${(cause as Error).message}`;
        throw new VandaError('unavailable', detail, undefined, { cause });
      }
    },
    async close() {
      await Promise.race([
        Promise.all([...open.values()].map((queue) => queue.close().catch(() => {}))),
        new Promise((resolve) => setTimeout(resolve, 1000).unref()),
      ]);
      connection.disconnect();
    },
  };
}

/** One name for all of Vanda's keys, so that a Redis may be shared with something else. */
export const queuePrefix = 'vanda';

/** A spec's higher-is-first to BullMQ's 1-is-first; 0 would overtake all entries with a priority. */
export function entryPriority(priority: number): number {
  return 101 - Math.max(-100, Math.min(100, Math.round(priority)));
}

/** BullMQ waits without end for a connection that was never made; a caller in an HTTP request must not. */
async function withinTime(added: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), sendTimeoutMs);
  });
  try {
    await Promise.race([added, late]);
  } finally {
    clearTimeout(timer);
    added.catch(() => {});
  }
}
