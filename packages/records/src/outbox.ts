import { type QueueName, type QueuePayload, queues } from '@vanda/contracts';
import type { Database, Tx } from './database.ts';

/** Rings one queue for one subject; `@vanda/queue`'s sender fits. Rejects when the queue cannot be reached. */
export type Ring = <Q extends QueueName>(
  queue: Q,
  payload: QueuePayload<Q>,
  options: { priority: number },
) => Promise<void>;

/**
 * Part of the transaction that makes work. Whoever committed it rings right after, by `deliverOutbox` or with a sender
 * and `markSent`; the reconciler does so for one who died before.
 */
export async function writeOutbox(
  tx: Tx,
  message: { queue: QueueName; subjectId: string; priority?: number },
): Promise<bigint> {
  const { queue, subjectId, priority = 0 } = message;
  const payload = { [queues[queue].subject]: subjectId };
  const row = await tx.outbox.create({ data: { queue, subjectId, payload, priority } });
  return row.id;
}

/** To be called once the queue has accepted the message. */
export async function markSent(db: Database, outboxId: bigint): Promise<void> {
  await db.$executeRaw`UPDATE outbox SET sent_at = clock_timestamp() WHERE id = ${outboxId}`;
}

interface OutboxRow {
  id: bigint;
  queue: QueueName;
  payload: QueuePayload<QueueName>;
  priority: number;
}

/**
 * Sends what waits, of one subject or of all, and marks it as sent. Many processes may do so at once: each takes rows
 * that no other holds. Stops at the first refusal, since the rest would fail alike; returns how many were sent.
 */
export async function deliverOutbox(
  db: Database,
  ring: Ring,
  options: { subjectId?: string; limit?: number } = {},
): Promise<{ sent: number; error: Error | null }> {
  const subjectId = options.subjectId ?? null;
  return db.$transaction(
    async (tx) => {
      const rows = await tx.$queryRaw<OutboxRow[]>`
        SELECT id, queue, payload, priority FROM outbox
        WHERE sent_at IS NULL AND (${subjectId}::text IS NULL OR subject_id = ${subjectId})
        ORDER BY id LIMIT ${options.limit ?? 100} FOR UPDATE SKIP LOCKED`;
      const sent: bigint[] = [];
      let error: Error | null = null;
      for (const row of rows) {
        try {
          await ring(row.queue, row.payload, { priority: row.priority });
          sent.push(row.id);
        } catch (reason) {
          error = reason as Error;
          break;
        }
      }
      if (sent.length > 0) {
        await tx.$executeRaw`UPDATE outbox SET sent_at = clock_timestamp() WHERE id = ANY(${sent})`;
      }
      return { sent: sent.length, error };
    },
    { timeout: 30_000 },
  );
}

/**
 * Marks the messages of work that still waits `quietMs` after its last doorbell as not sent, so that the next delivery
 * rings again: Redis may have lost everything. Ringing for what is in the queue already changes nothing.
 */
export async function ringAgain(db: Database, quietMs: number): Promise<number> {
  return db.$executeRaw`
    UPDATE outbox SET sent_at = NULL WHERE id IN (
      SELECT max(o.id) FROM outbox o
        LEFT JOIN jobs j ON o.queue = 'training' AND j.id = o.subject_id
        LEFT JOIN ingests i ON o.queue = 'ingest' AND i.id = o.subject_id
        LEFT JOIN exports e ON o.queue = 'export' AND e.id = o.subject_id
        LEFT JOIN imports m ON o.queue = 'import' AND m.id = o.subject_id
      WHERE (j.state = 'queued' AND j.not_before <= now()) OR i.state = 'queued'
        OR e.state = 'queued' OR m.state = 'queued'
      GROUP BY o.queue, o.subject_id
      HAVING bool_and(o.sent_at < now() - make_interval(secs => ${quietMs / 1000}::float8))
      ORDER BY max(o.priority) DESC, max(o.id) LIMIT 200)`;
}

/** Messages that were sent long ago about work that no longer waits. */
export async function forgetSentMessages(db: Database, olderThanMs: number): Promise<number> {
  return db.$executeRaw`
    DELETE FROM outbox o
    WHERE o.sent_at < now() - make_interval(secs => ${olderThanMs / 1000}::float8)
      AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = o.subject_id AND j.state = 'queued')
      AND NOT EXISTS (SELECT 1 FROM ingests i WHERE i.id = o.subject_id AND i.state = 'queued')
      AND NOT EXISTS (SELECT 1 FROM exports e WHERE e.id = o.subject_id AND e.state = 'queued')
      AND NOT EXISTS (SELECT 1 FROM imports m WHERE m.id = o.subject_id AND m.state = 'queued')`;
}
