import type { CompletedSpec, ErrorCode, FailureKind } from '@vanda/contracts';
import { type Database, inTransaction, type Tx } from './database.ts';
import type { JobRow } from './jobs.ts';
import { type HeldLease, milliseconds, spentMs, withLease } from './leases.ts';
import { writeOutbox } from './outbox.ts';
import { transition } from './transition.ts';

/** How an attempt ended when it made no model. */
export type AttemptEnd =
  /** The user can do something about it: data, spec, divergence. Uses up one of the job's retries. */
  | { kind: 'user'; code: ErrorCode; message: string }
  /** The process died by itself. The third such death ends the job. */
  | { kind: 'crash'; code: ErrorCode; message: string }
  /** Something around it broke. Tried again after a while, without using up a retry. */
  | { kind: 'infra'; code: ErrorCode; message: string }
  | { kind: 'timeout'; message: string }
  /** Its worker stops in order; another goes on at once. */
  | { kind: 'preempted' }
  | { kind: 'cancelled' }
  | { kind: 'paused' };

const crashesMax = 3;
/** A surrounding that stays broken must not hide behind endless tries. */
const infraFailuresMax = 10;

/** Ends an attempt and decides what becomes of its job. Answers false, having changed nothing, without the lease. */
export async function endAttempt(
  db: Database,
  lease: HeldLease,
  end: AttemptEnd,
): Promise<{ jobState: string } | null> {
  return withLease(db, lease, async (tx, job) => {
    await closeAttempt(tx, job, lease.attemptId, end);
    return { jobState: await settleJob(tx, job, end) };
  });
}

const attemptEvents = {
  user: 'fail',
  crash: 'fail',
  infra: 'fail',
  timeout: 'time-out',
  preempted: 'preempt',
  cancelled: 'cancel',
  paused: 'pause',
  lost: 'lose',
} as const;

type AnyEnd = AttemptEnd | { kind: 'lost'; message: string };

async function closeAttempt(tx: Tx, job: JobRow, attemptId: string, end: AnyEnd): Promise<void> {
  const { number } = await tx.attempt.findUniqueOrThrow({
    where: { id: attemptId },
    select: { number: true },
  });
  const failure = failureOf(end);
  const subject = { id: attemptId, projectId: job.projectId, label: `${job.name} #${number}` };
  await transition(tx, 'attempt', subject, attemptEvents[end.kind], failure?.message);
  await tx.$executeRaw`
    UPDATE attempts SET finished_at = clock_timestamp(), failure_kind = ${failure?.kind ?? null},
      failure_code = ${failure?.code ?? null}, failure_message = ${failure?.message ?? null}
    WHERE id = ${attemptId}`;
}

interface Failure {
  kind: FailureKind;
  code: ErrorCode;
  message: string;
}

function failureOf(end: AnyEnd): Failure | null {
  switch (end.kind) {
    case 'user':
    case 'infra':
      return end;
    case 'crash':
      return { ...end, kind: 'infra' };
    case 'timeout':
      return { kind: 'timeout', code: 'timed-out', message: end.message };
    case 'lost':
      return { kind: 'infra', code: 'worker-lost', message: end.message };
    case 'preempted':
      return { kind: 'preempted', code: 'unavailable', message: 'The worker was stopped.' };
    case 'cancelled':
    case 'paused':
      return null;
  }
}

/** What becomes of the job, whose row is locked, once its attempt has ended. Returns its new state. */
async function settleJob(tx: Tx, job: JobRow, end: AnyEnd): Promise<string> {
  const subject = { id: job.id, projectId: job.projectId, label: job.name };
  // However the attempt ended: a job that was to be cancelled is cancelled then, one to be paused is paused.
  if (job.state === 'cancelling') {
    const { to } = await transition(tx, 'job', subject, 'confirm-cancel');
    await tx.$executeRaw`UPDATE jobs SET finished_at = now() WHERE id = ${job.id}`;
    return to;
  }
  if (job.state === 'pausing' && ['paused', 'preempted', 'lost'].includes(end.kind)) {
    return (await transition(tx, 'job', subject, 'confirm-pause')).to;
  }
  const verdict = await judge(tx, job, end);
  if (verdict.fail) {
    const { kind, code, message } = verdict.fail;
    const { to } = await transition(tx, 'job', subject, 'fail', message);
    await tx.$executeRaw`
      UPDATE jobs SET finished_at = now(), failure_kind = ${kind}, failure_code = ${code},
        failure_message = ${message}, user_failures = ${verdict.userFailures},
        crashes = ${verdict.crashes}
      WHERE id = ${job.id}`;
    return to;
  }
  const reason = failureOf(end)?.message;
  const { to } = await transition(tx, 'job', subject, 'requeue', reason);
  await tx.$executeRaw`
    UPDATE jobs SET user_failures = ${verdict.userFailures}, crashes = ${verdict.crashes},
      not_before = clock_timestamp() + ${milliseconds(verdict.delayMs)}
    WHERE id = ${job.id}`;
  // A doorbell before its time would find nothing to do: the reconciler rings for a job that was put off.
  if (to === 'queued') {
    await writeOutbox(tx, { queue: 'training', subjectId: job.id, priority: job.priority });
  }
  return to;
}

interface Verdict {
  fail: Failure | null;
  userFailures: number;
  crashes: number;
  delayMs: number;
}

async function judge(tx: Tx, job: JobRow, end: AnyEnd): Promise<Verdict> {
  const { resources } = job.spec as unknown as CompletedSpec;
  const verdict: Verdict = {
    fail: null,
    userFailures: job.userFailures + (end.kind === 'user' ? 1 : 0),
    crashes: job.crashes + (end.kind === 'crash' ? 1 : 0),
    delayMs: 0,
  };
  const failure = failureOf(end);
  if (end.kind === 'timeout') return { ...verdict, fail: failure };
  const attempts = await tx.attempt.findMany({ where: { jobId: job.id } });
  if (spentMs(attempts) >= resources.timeoutMinutes * 60_000) {
    return {
      ...verdict,
      fail: { kind: 'timeout', code: 'timed-out', message: timeLimit(resources) },
    };
  }
  if (end.kind === 'user' && verdict.userFailures > resources.retries) {
    return { ...verdict, fail: failure };
  }
  if (end.kind === 'crash' && verdict.crashes >= crashesMax) {
    return { ...verdict, fail: poisoned(end) };
  }
  if (end.kind === 'infra') {
    const failed = attempts.filter((one) => one.state === 'failed' && one.failureKind === 'infra');
    const times = failed.length - job.crashes;
    if (times >= infraFailuresMax) return { ...verdict, fail: failure };
    verdict.delayMs = Math.min(1000 * 2 ** Math.max(0, times - 1), 60_000);
  }
  return verdict;
}

function poisoned(end: { code: ErrorCode; message: string }): Failure {
  if (end.code === 'out-of-memory') {
    return { kind: 'quota', code: 'out-of-memory', message: end.message };
  }
  const message = `The job ended its process ${crashesMax} times and is not tried again. The last time: ${end.message}`;
  return { kind: 'user', code: 'poisoned', message };
}

export function timeLimit(resources: { timeoutMinutes: number }): string {
  const { timeoutMinutes } = resources;
  const unit = timeoutMinutes === 1 ? 'minute' : 'minutes';
  return `The job ran for ${timeoutMinutes} ${unit}, its time limit (resources.timeoutMinutes).`;
}

/**
 * Takes the jobs back from workers that were not heard of until their leases ran out: the attempt is lost, and the job
 * is queued again at once. Safe with many reconcilers at a time. Returns the jobs that moved.
 */
export async function expireLeases(db: Database): Promise<string[]> {
  const late = await db.$queryRaw<{ id: string; job_id: string }[]>`
    SELECT id, job_id FROM attempts
    WHERE state = 'running' AND lease_until < clock_timestamp() LIMIT 100`;
  const moved: string[] = [];
  for (const { id, job_id } of late) {
    const settled = await inTransaction(db, async (tx) => {
      await tx.$queryRaw`SELECT id FROM jobs WHERE id = ${job_id} FOR UPDATE`;
      const still = await tx.$queryRaw<{ worker_id: string }[]>`
        SELECT worker_id FROM attempts WHERE id = ${id} AND state = 'running'
          AND lease_until < clock_timestamp() FOR UPDATE`;
      const workerId = still[0]?.worker_id;
      if (workerId === undefined) return false;
      const job = await tx.job.findUniqueOrThrow({ where: { id: job_id } });
      const end = { kind: 'lost' as const, message: `The worker ${workerId} was lost.` };
      await closeAttempt(tx, job, id, end);
      await settleJob(tx, job, end);
      return true;
    });
    if (settled) moved.push(job_id);
  }
  return moved;
}
