import type { QueueName, QueuePayload } from '@vanda/contracts';
import { openSender } from '@vanda/queue';
import { type Database, markSent } from '@vanda/records';
import type { Logger } from 'pino';

/** Rings for what a transaction put into the outbox. */
export interface Doorbell {
  /** Call it after the commit. It never fails: while Redis is away the reconciler rings later, from the outbox. */
  ring<Q extends QueueName>(
    queue: Q,
    payload: QueuePayload<Q>,
    message: { outboxId: bigint; priority?: number },
  ): void;
  close(): Promise<void>;
}

export function openDoorbell(redisUrl: string, db: Database, log: Logger): Doorbell {
  let working = true;
  const fail = (error: Error) => {
    if (working) log.warn({ err: error.message }, 'what waits is rung later, from the outbox');
    working = false;
  };
  const sender = openSender(redisUrl, { onError: fail });
  return {
    ring(queue, payload, { outboxId, priority }) {
      sender
        .enqueue(queue, payload, { priority })
        .then(() => {
          working = true;
          return markSent(db, outboxId);
        })
        .catch(fail);
    },
    close: () => sender.close(),
  };
}
