import type { MetricPoint } from '@vanda/contracts';
import type { Database } from './database.ts';
import type { JobModel } from './generated/models.ts';

/** A training that went through in one piece, to tell from how long another one will take. */
export interface ComparableJob {
  job: JobModel;
  profile: unknown;
  seconds: number;
  /** Fewer than the spec's where it stopped early. */
  epochsRun: number;
  workerId: string;
}

/** The last training of the same kind of model for the same task on any version of a dataset. */
export async function lastComparableJob(
  db: Database,
  like: { datasetId: string; task: string; modelKind: string; device: string },
): Promise<ComparableJob | null> {
  const found = await db.job.findFirst({
    where: {
      state: 'succeeded',
      task: like.task,
      device: like.device,
      deletedAt: null,
      datasetVersion: { datasetId: like.datasetId },
      spec: { path: ['model', 'kind'], equals: like.modelKind },
      // What was resumed or tried again did not take the time that it would take at once.
      attempts: { every: { number: 1 } },
    },
    orderBy: { finishedAt: 'desc' },
    include: { attempts: true, datasetVersion: { select: { profile: true } } },
  });
  const attempt = found?.attempts[0];
  if (!found || !attempt?.finishedAt) return null;
  const { attempts: _, datasetVersion, ...job } = found;
  const last = await db.metricBatch.findFirst({
    where: { attemptId: attempt.id },
    orderBy: { seq: 'desc' },
  });
  const [, epochsRun = 0] = (last?.points as MetricPoint[] | undefined)?.at(-1) ?? [];
  if (epochsRun < 1) return null;
  return {
    job,
    profile: datasetVersion.profile,
    seconds: (attempt.finishedAt.getTime() - attempt.startedAt.getTime()) / 1000,
    epochsRun,
    workerId: attempt.workerId,
  };
}
