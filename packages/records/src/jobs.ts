import { VandaError } from '@vanda/contracts';
import type { Tx } from './database.ts';
import type { Prisma } from './generated/client.ts';
import type { JobModel } from './generated/models.ts';
import { newId } from './ids.ts';
import { writeOutbox } from './outbox.ts';
import { releaseObjects } from './stored-objects.ts';
import { transition, writeHistory } from './transition.ts';

export type JobRow = JobModel;

export interface NewJob {
  projectId: string;
  name: string;
  task: string;
  /** As completed with defaults that fit the data. */
  spec: object;
  submittedSpec: object;
  datasetVersionId: string;
  device: 'cpu' | 'gpu';
  priority: number;
  warnings: string[];
}

/** Row, history and outbox in the caller's transaction; ring for `outboxId` (see outbox.ts) after the commit. */
export async function submitJob(tx: Tx, job: NewJob): Promise<{ job: JobRow; outboxId: bigint }> {
  await assertModelNameFits(tx, job);
  const row = await tx.job.create({
    data: {
      id: newId('job'),
      ...job,
      kind: 'train',
      state: 'queued',
      spec: job.spec as Prisma.InputJsonObject,
      submittedSpec: job.submittedSpec as Prisma.InputJsonObject,
    },
  });
  await writeHistory(tx, {
    projectId: job.projectId,
    noun: 'job',
    subjectId: row.id,
    label: job.name,
    from: null,
    to: 'queued',
    event: 'submit',
  });
  const message = { queue: 'training' as const, subjectId: row.id, priority: job.priority };
  return { job: row, outboxId: await writeOutbox(tx, message) };
}

/** A model's name belongs to one task: refuses another one, be it of a model or of a job that will make it. */
export async function assertModelNameFits(
  tx: Tx,
  job: { projectId: string; name: string; task: string },
): Promise<void> {
  const { projectId, name, task } = job;
  // Two submissions of one name at once take turns, so that not both find the name free.
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`${projectId}/${name}`}, 1))`;
  const model = await tx.model.findFirst({ where: { projectId, name, deletedAt: null } });
  const other =
    model?.task ??
    (
      await tx.job.findFirst({
        where: {
          projectId,
          name,
          task: { not: task },
          state: { in: ['queued', 'running', 'cancelling', 'pausing', 'paused'] },
        },
      })
    )?.task;
  if (other === undefined || other === task) return;
  const message = `The model "${name}" is for ${other}; choose another name for ${task}.`;
  throw new VandaError('name-taken', message, [{ pointer: '/name', message }]);
}

/** What a job is shown with. */
export const jobDetails = {
  attempts: { orderBy: { number: 'asc' } },
  datasetVersion: { include: { dataset: true } },
  modelVersion: { include: { model: true } },
  // Its signature may be long, and is asked for by itself.
  preview: { omit: { signature: true } },
} satisfies Prisma.JobInclude;
export type JobDetails = Prisma.JobGetPayload<{ include: typeof jobDetails }>;

export async function findJob(tx: Tx, projectId: string, id: string): Promise<JobDetails | null> {
  return tx.job.findFirst({ where: { id, projectId, deletedAt: null }, include: jobDetails });
}

/** Newest first, one more than asked for is not read: the caller asks for `limit + 1` to know whether there is more. */
export async function listJobs(
  tx: Tx,
  projectId: string,
  page: { limit: number; after?: string | undefined; state?: string; name?: string },
): Promise<JobDetails[]> {
  return tx.job.findMany({
    where: {
      projectId,
      deletedAt: null,
      ...(page.state === undefined ? {} : { state: page.state }),
      ...(page.name === undefined ? {} : { name: page.name }),
      ...(page.after === undefined ? {} : { id: { lt: page.after } }),
    },
    orderBy: { id: 'desc' },
    take: page.limit,
    include: jobDetails,
  });
}

/**
 * Asks a job to end. One that waits is cancelled at once; one that runs is `cancelling` until its worker has stopped
 * it; asking twice is asking once. Throws illegal-state for a job that succeeded or failed.
 */
export async function cancelJob(tx: Tx, job: JobRow): Promise<void> {
  const subject = { id: job.id, projectId: job.projectId, label: job.name };
  const { from, to } = await transition(tx, 'job', subject, 'cancel');
  if (from === to) return;
  await tx.$executeRaw`
    UPDATE jobs SET cancel_requested_at = now(),
      finished_at = CASE WHEN state = 'cancelled' THEN now() ELSE finished_at END
    WHERE id = ${job.id}`;
  await tx.$executeRaw`SELECT pg_notify('vanda_cancel', ${job.id})`;
}

/**
 * Deletes a finished job: its row stays as a tombstone, since a model version names it. The caller deletes the keys
 * from the store after the commit.
 */
export async function deleteJob(
  tx: Tx,
  job: JobRow,
): Promise<{ keys: string[]; freedBytes: number }> {
  const locked = await tx.$queryRaw<{ state: string }[]>`
    SELECT state FROM jobs WHERE id = ${job.id} AND deleted_at IS NULL FOR UPDATE`;
  const state = locked[0]?.state;
  if (state === undefined) throw new VandaError('not-found', `There is no job ${job.id}.`);
  if (!['succeeded', 'failed', 'cancelled'].includes(state)) {
    throw new VandaError(
      'in-use',
      `The job ${job.name} (${job.id}) is ${state}: cancel it or wait for its end before deleting it.`,
    );
  }
  const attempts = await tx.attempt.findMany({ where: { jobId: job.id }, select: { id: true } });
  const preview = await tx.preview.findUnique({ where: { jobId: job.id } });
  const owners = [
    { kind: 'job' as const, id: job.id },
    ...(preview === null ? [] : [{ kind: 'preview' as const, id: preview.id }]),
    ...attempts.map(({ id }) => ({ kind: 'attempt' as const, id })),
  ];
  await tx.checkpoint.deleteMany({ where: { jobId: job.id } });
  await tx.preview.deleteMany({ where: { jobId: job.id } });
  let freedBytes = 0;
  const keys: string[] = [];
  for (const owner of owners) {
    const freed = await releaseObjects(tx, owner);
    freedBytes += freed.freedBytes;
    keys.push(...freed.keys);
  }
  const of = { attempt: { jobId: job.id } };
  await tx.metricBatch.deleteMany({ where: of });
  await tx.logBatch.deleteMany({ where: of });
  await tx.$executeRaw`UPDATE jobs SET deleted_at = now() WHERE id = ${job.id}`;
  await writeHistory(tx, {
    projectId: job.projectId,
    noun: 'job',
    subjectId: job.id,
    label: job.name,
    from: state,
    to: 'deleted',
    event: 'delete',
  });
  return { keys, freedBytes };
}

/** How many metric points of each attempt have arrived. */
export async function receivedPoints(tx: Tx, attemptIds: string[]): Promise<Map<string, number>> {
  const rows = await tx.$queryRaw<{ attempt_id: string; received: number }[]>`
    SELECT attempt_id, sum(count)::int AS received FROM metric_batches
    WHERE attempt_id = ANY(${attemptIds}) GROUP BY attempt_id`;
  return new Map(rows.map((row) => [row.attempt_id, row.received]));
}
