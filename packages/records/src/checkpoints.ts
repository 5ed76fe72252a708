import type { Database, Tx } from './database.ts';
import { newId } from './ids.ts';
import { type HeldLease, withLease } from './leases.ts';
import { nameObject } from './stored-objects.ts';

export interface StoredCheckpoint {
  id: string;
  attemptId: string;
  step: number;
  epoch: number;
  key: string;
  sha256: string;
  bytes: number;
}

/** Writes down a checkpoint whose bytes are complete in the store. Returns false when the lease has moved on. */
export async function recordCheckpoint(
  db: Database,
  lease: HeldLease,
  checkpoint: { key: string; sha256: string; bytes: number; step: number; epoch: number },
): Promise<boolean> {
  const recorded = await withLease(db, lease, async (tx, job) => {
    const owner = { kind: 'attempt' as const, id: lease.attemptId };
    await nameObject(tx, job.projectId, checkpoint, owner, 'checkpoint');
    await tx.checkpoint.create({
      data: {
        id: newId('ckp'),
        jobId: job.id,
        attemptId: lease.attemptId,
        step: checkpoint.step,
        epoch: checkpoint.epoch,
        objectKey: checkpoint.key,
      },
    });
    return true;
  });
  return recorded !== null;
}

/** The checkpoints that a job may resume from, the furthest first. */
export async function listCheckpoints(tx: Tx, jobId: string): Promise<StoredCheckpoint[]> {
  const rows = await tx.$queryRaw<(Omit<StoredCheckpoint, 'bytes'> & { bytes: bigint })[]>`
    SELECT c.id, c.attempt_id AS "attemptId", c.step, c.epoch, o.key, o.sha256, o.bytes
    FROM checkpoints c JOIN objects o ON o.key = c.object_key
    WHERE c.job_id = ${jobId} ORDER BY c.step DESC, c.created_at DESC`;
  return rows.map((row) => ({ ...row, bytes: Number(row.bytes) }));
}

/**
 * Drops the checkpoints that no resume will need: of a job that still has work before it all but the `keep` furthest,
 * of one that has succeeded or was cancelled all, of one that failed all after `failedKeptMs`. Returns the keys whose bytes
 * nothing names any more; the caller deletes them from the store.
 */
export async function dropOldCheckpoints(
  db: Database,
  options: { keep: number; failedKeptMs: number; jobId?: string },
): Promise<string[]> {
  const jobId = options.jobId ?? null;
  return db.$transaction(async (tx) => {
    const dropped = await tx.$queryRaw<{ object_key: string; attempt_id: string }[]>`
      DELETE FROM checkpoints WHERE id IN (
        SELECT id FROM (
          SELECT c.id, j.state, j.finished_at,
            row_number() OVER (PARTITION BY c.job_id ORDER BY c.step DESC, c.created_at DESC) AS place
          FROM checkpoints c JOIN jobs j ON j.id = c.job_id
          WHERE ${jobId}::text IS NULL OR c.job_id = ${jobId}) ranked
        WHERE place > ${options.keep} OR state IN ('succeeded', 'cancelled') OR (state = 'failed'
          AND finished_at < now() - make_interval(secs => ${options.failedKeptMs / 1000}::float8))
        LIMIT 1000)
      RETURNING object_key, attempt_id`;
    const keys = dropped.map((row) => row.object_key);
    if (keys.length === 0) return [];
    await tx.$executeRaw`
      DELETE FROM object_refs WHERE object_key = ANY(${keys}) AND owner_kind = 'attempt'`;
    const freed = await tx.$queryRaw<{ key: string }[]>`
      DELETE FROM objects o WHERE key = ANY(${keys})
        AND NOT EXISTS (SELECT 1 FROM object_refs r WHERE r.object_key = o.key) RETURNING key`;
    return freed.map((row) => row.key);
  });
}
