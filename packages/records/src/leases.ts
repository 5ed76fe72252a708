import type { CompletedSpec, DatasetProfile, JobProgress } from '@vanda/contracts';
import { type Database, inTransaction, Prisma, type Tx } from './database.ts';
import { newId } from './ids.ts';
import type { JobRow } from './jobs.ts';
import { transition, writeHistory } from './transition.ts';

/** Who may write for a job: this attempt with this fencing token, while its lease lasts by Postgres' clock. */
export interface HeldLease {
  jobId: string;
  attemptId: string;
  token: number;
}

export interface Claim extends HeldLease {
  projectId: string;
  name: string;
  /** Which try it is, from 1. */
  number: number;
  spec: CompletedSpec;
  datasetVersionId: string;
  profile: DatasetProfile;
  /** Running time that earlier attempts have used of the job's time limit. */
  spentMs: number;
}

/**
 * Gives the worker the job that is next (by priority, then by age) among those that its devices can run, as a running
 * attempt with a lease; null when there is none. However many workers ask at once, a job goes to one of them.
 */
export async function claimNextJob(
  db: Database,
  worker: { id: string; devices: string[]; leaseMs: number },
): Promise<Claim | null> {
  return inTransaction(db, async (tx) => {
    const next = await tx.$queryRaw<{ id: string }[]>`
      SELECT id FROM jobs
      WHERE state = 'queued' AND not_before <= now() AND device = ANY(${worker.devices})
      ORDER BY priority DESC, created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED`;
    const id = next[0]?.id;
    if (id === undefined) return null;
    const job = await tx.job.update({
      where: { id },
      data: { leaseToken: { increment: 1 } },
      include: { datasetVersion: true, attempts: true },
    });
    const subject = { id, projectId: job.projectId, label: job.name };
    await transition(tx, 'job', subject, 'start');
    const attemptId = newId('att');
    const number = job.attempts.length + 1;
    await tx.$executeRaw`
      INSERT INTO attempts (id, job_id, number, state, token, worker_id, lease_until, started_at)
      VALUES (${attemptId}, ${id}, ${number}, 'running', ${job.leaseToken}, ${worker.id},
        clock_timestamp() + ${milliseconds(worker.leaseMs)}, clock_timestamp())`;
    await tx.$executeRaw`UPDATE jobs SET started_at = COALESCE(started_at, now()) WHERE id = ${id}`;
    await writeHistory(tx, {
      projectId: job.projectId,
      noun: 'attempt',
      subjectId: attemptId,
      label: `${job.name} #${number}`,
      from: null,
      to: 'running',
      event: 'start',
      reason: `by ${worker.id}`,
    });
    return {
      jobId: id,
      attemptId,
      token: job.leaseToken,
      projectId: job.projectId,
      name: job.name,
      number,
      spec: job.spec as unknown as CompletedSpec,
      datasetVersionId: job.datasetVersionId,
      profile: job.datasetVersion.profile as unknown as DatasetProfile,
      spentMs: spentMs(job.attempts),
    };
  });
}

/**
 * The time limit counts the running time of all attempts: a job that is resumed goes on with the same work.
 * An attempt that still runs counts as nothing here, since its worker counts for itself.
 */
export function spentMs(attempts: { startedAt: Date; finishedAt: Date | null }[]): number {
  return attempts.reduce(
    (sum, { startedAt, finishedAt }) =>
      sum + (finishedAt === null ? 0 : Math.max(0, finishedAt.getTime() - startedAt.getTime())),
    0,
  );
}

/**
 * Runs `work` in one transaction while the lease is held and both rows are locked; answers null, having changed
 * nothing, when the lease has moved on or has run out. The job is locked before the attempt, here and everywhere.
 */
export async function withLease<T>(
  db: Database,
  lease: HeldLease,
  work: (tx: Tx, job: JobRow) => Promise<T>,
  timeoutMs?: number,
): Promise<T | null> {
  return inTransaction(
    db,
    async (tx) => {
      await tx.$queryRaw`SELECT id FROM jobs WHERE id = ${lease.jobId} FOR UPDATE`;
      const held = await tx.$queryRaw<unknown[]>`
        SELECT id FROM attempts WHERE id = ${lease.attemptId} AND token = ${lease.token}
          AND state = 'running' AND lease_until > clock_timestamp() FOR UPDATE`;
      if (held.length === 0) return null;
      const job = await tx.job.findUniqueOrThrow({ where: { id: lease.jobId } });
      return work(tx, job);
    },
    timeoutMs,
  );
}

/**
 * Renews leases and answers the state of the job of each that is still held; one that is missing from the answer has
 * moved on, and its process must be killed.
 */
export async function renewLeases(
  db: Database,
  leases: HeldLease[],
  leaseMs: number,
): Promise<Map<string, string>> {
  if (leases.length === 0) return new Map();
  const rows = await db.$queryRaw<{ id: string; state: string }[]>`
    UPDATE attempts a SET lease_until = clock_timestamp() + ${milliseconds(leaseMs)}
    FROM unnest(${leases.map((lease) => lease.attemptId)}::text[],
        ${leases.map((lease) => lease.token)}::int[]) AS held (id, token), jobs j
    WHERE a.id = held.id AND a.token = held.token AND a.state = 'running'
      AND a.lease_until > clock_timestamp() AND j.id = a.job_id
    RETURNING a.id, j.state`;
  return new Map(rows.map((row) => [row.id, row.state]));
}

/** Where an attempt starts from: step 0, or the step of the checkpoint that it resumes. */
export async function noteStartStep(db: Database, lease: HeldLease, step: number): Promise<void> {
  await db.$executeRaw`
    UPDATE attempts SET start_step = ${step}
    WHERE id = ${lease.attemptId} AND token = ${lease.token} AND state = 'running'`;
}

/** Shows how far the job is, as long as the lease is held. */
export async function noteProgress(
  db: Database,
  lease: HeldLease,
  progress: JobProgress,
): Promise<void> {
  await db.$executeRaw`
    WITH shown AS (
      UPDATE jobs j SET progress = ${JSON.stringify(progress)}::jsonb FROM attempts a
      WHERE j.id = ${lease.jobId} AND a.id = ${lease.attemptId} AND a.token = ${lease.token}
        AND a.state = 'running' AND a.lease_until > clock_timestamp() AND j.state = 'running'
      RETURNING j.id)
    SELECT pg_notify('vanda_telemetry', id) FROM shown`;
}

export function milliseconds(ms: number): Prisma.Sql {
  return Prisma.sql`make_interval(secs => ${ms / 1000}::float8)`;
}
