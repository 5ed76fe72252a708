import type { TrainingRate } from '@vanda/contracts';
import type { Database, Tx } from './database.ts';
import type { WorkerModel } from './generated/models.ts';

export type WorkerRow = WorkerModel;

/** A worker that was not heard of for this long counts as gone. */
export const workerSilenceMs = 15_000;

export interface Announcement {
  id: string;
  hostname: string;
  pid: number;
  roles: string[];
  labels: Record<string, string>;
  devices: string[];
  slots: number;
  version: string;
}

export async function announceWorker(db: Database, worker: Announcement): Promise<void> {
  await db.worker.create({ data: worker });
}

export async function noteRate(db: Database, id: string, rate: TrainingRate): Promise<void> {
  await db.worker.updateMany({ where: { id }, data: { rate } });
}

/** Says that the worker lives and how many of its slots are taken, by Postgres' clock. */
export async function workerBeats(db: Database, id: string, busy: number): Promise<void> {
  await db.$executeRaw`
    UPDATE workers SET heartbeat_at = now(), busy = ${busy}, stopped_at = NULL WHERE id = ${id}`;
}

export async function retireWorker(db: Database, id: string): Promise<void> {
  await db.$executeRaw`UPDATE workers SET stopped_at = now(), busy = 0 WHERE id = ${id}`;
}

export async function liveWorkers(tx: Tx): Promise<WorkerRow[]> {
  const live = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM workers WHERE stopped_at IS NULL
      AND heartbeat_at > now() - make_interval(secs => ${workerSilenceMs / 1000}::float8)`;
  return tx.worker.findMany({ where: { id: { in: live.map((row) => row.id) } } });
}

/** Newest first; `live` is decided by Postgres' clock. */
export async function listWorkers(
  tx: Tx,
  page: { limit: number; after?: string | undefined },
): Promise<(WorkerRow & { live: boolean })[]> {
  const rows = await tx.worker.findMany({
    where: page.after === undefined ? {} : { id: { lt: page.after } },
    orderBy: { id: 'desc' },
    take: page.limit,
  });
  const live = new Set((await liveWorkers(tx)).map((worker) => worker.id));
  return rows.map((row) => ({ ...row, live: live.has(row.id) }));
}

/** Workers that ended long ago and that nothing names any more. */
export async function forgetWorkers(db: Database, olderThanMs: number): Promise<number> {
  const age = olderThanMs / 1000;
  await db.$executeRaw`
    DELETE FROM endpoint_serving s USING workers w
    WHERE w.id = s.worker_id AND w.heartbeat_at < now() - make_interval(secs => ${age}::float8)`;
  return db.$executeRaw`
    DELETE FROM workers WHERE heartbeat_at < now() - make_interval(secs => ${age}::float8)`;
}
