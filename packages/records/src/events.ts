import type { Database } from './database.ts';
import type { History } from './generated/client.ts';

export type HistoryRow = History;

/**
 * History behind `after`, oldest first, without gaps: ids are given out before transactions commit, so a lower id may
 * become visible after a higher one. Rows of transactions that began while an older one still runs are held back until
 * that one has ended.
 */
export async function readHistory(
  db: Database,
  projectId: string,
  after: bigint,
  limit: number,
): Promise<HistoryRow[]> {
  const rows = await db.$queryRaw<{ id: bigint }[]>`
    SELECT id FROM history
    WHERE project_id = ${projectId} AND id > ${after}
      AND age(xmin) > age(pg_snapshot_xmin(pg_current_snapshot())::xid)
    ORDER BY id LIMIT ${limit}`;
  return db.history.findMany({
    where: { id: { in: rows.map((row) => row.id) } },
    orderBy: { id: 'asc' },
  });
}

/** Where a reader begins that wants only what comes now. */
export async function lastHistoryId(db: Database, projectId: string): Promise<bigint> {
  const rows = await db.$queryRaw<{ id: bigint | null }[]>`
    SELECT max(id) AS id FROM history WHERE project_id = ${projectId}
      AND age(xmin) > age(pg_snapshot_xmin(pg_current_snapshot())::xid)`;
  return rows[0]?.id ?? 0n;
}

/** What has not ended yet, counted: jobs and pushes by state, and messages that no queue was told yet. */
export function waitingWork(
  db: Database,
): Promise<{ noun: string; state: string; count: number }[]> {
  return db.$queryRaw`
    SELECT 'job' AS noun, state, count(*)::int AS count FROM jobs
      WHERE state NOT IN ('succeeded', 'failed', 'cancelled') GROUP BY state
    UNION ALL SELECT 'ingest', state, count(*)::int FROM ingests
      WHERE state IN ('queued', 'running') GROUP BY state
    UNION ALL SELECT 'outbox', 'waiting', count(*)::int FROM outbox WHERE sent_at IS NULL`;
}
