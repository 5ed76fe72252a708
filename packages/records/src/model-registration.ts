import type { CompletedSpec, JobMetrics, ModelSignature } from '@vanda/contracts';
import type { Database, Tx } from './database.ts';
import { deployBySpec } from './deploy-by-spec.ts';
import type { Prisma } from './generated/client.ts';
import { newId } from './ids.ts';
import type { JobRow } from './jobs.ts';
import { type HeldLease, withLease } from './leases.ts';
import { nameObject, type ObjectFacts } from './stored-objects.ts';
import { transition, writeHistory } from './transition.ts';

/** What a finished training leaves in the store, complete and hashed before this is called. */
export interface TrainedModel {
  /** Made by the worker, since the objects' keys carry it. */
  versionId: string;
  graph: ObjectFacts;
  weights: ObjectFacts;
  archive: ObjectFacts;
  splits: ObjectFacts;
  /** Of the test split; null where there is none. */
  predictions: { items: number; parquet: ObjectFacts; testItems: ObjectFacts } | null;
  engineVersion: string;
  signature: ModelSignature;
  metrics: JobMetrics;
  warnings: string[];
  /** The epoch whose weights were kept. */
  bestEpoch: number;
}

export interface Registered {
  model: string;
  version: number;
  endpoint: string | null;
  deployNote: string | null;
}

/**
 * Success is one transaction: objects, model version n+1, deployment, the attempt's and the job's end. Answers null,
 * having changed nothing, when the lease has moved on or the job is to be cancelled.
 */
export async function succeedAttempt(
  db: Database,
  lease: HeldLease,
  trained: TrainedModel,
): Promise<Registered | null> {
  return withLease(
    db,
    lease,
    async (tx, job) => {
      if (job.state !== 'running') return null;
      const { versionId } = trained;
      const owner = { kind: 'model-version' as const, id: versionId };
      await nameObject(tx, job.projectId, trained.graph, owner, 'graph');
      await nameObject(tx, job.projectId, trained.weights, owner, 'weights');
      await nameObject(tx, job.projectId, trained.archive, owner, 'archive');
      await nameObject(tx, job.projectId, trained.splits, { kind: 'job', id: job.id }, 'splits');
      if (trained.predictions !== null) {
        const { parquet, testItems } = trained.predictions;
        await nameObject(tx, job.projectId, parquet, owner, 'predictions');
        await nameObject(tx, job.projectId, testItems, owner, 'test-items');
      }
      const { model, version } = await registerVersion(tx, job, trained);
      const deployed = await deployBySpec(tx, job, { model, version, versionId }, trained.metrics);
      await finish(tx, job, lease, trained, deployed.note);
      return {
        model: job.name,
        version,
        endpoint: deployed.endpoint,
        deployNote: deployed.note,
      };
    },
    30_000,
  );
}

async function registerVersion(
  tx: Tx,
  job: JobRow,
  trained: TrainedModel,
): Promise<{ model: { id: string; name: string }; version: number }> {
  const model = await takeNextNumber(tx, job);
  await tx.modelVersion.create({
    data: {
      id: trained.versionId,
      modelId: model.id,
      version: model.latestVersion,
      jobId: job.id,
      datasetVersionId: job.datasetVersionId,
      spec: job.spec as Prisma.InputJsonValue,
      engineVersion: trained.engineVersion,
      signature: trained.signature as unknown as Prisma.InputJsonValue,
      metrics: trained.metrics as Prisma.InputJsonValue,
      bytes: BigInt(trained.graph.bytes) + BigInt(trained.weights.bytes),
      testItems: trained.predictions?.items ?? null,
    },
  });
  await writeHistory(tx, {
    projectId: job.projectId,
    noun: 'model',
    subjectId: model.id,
    label: `${job.name}@${model.latestVersion}`,
    from: null,
    to: 'registered',
    event: 'register',
    reason: `by the job ${job.id}`,
  });
  return { model, version: model.latestVersion };
}

/** Numbers are never used twice, not even when a version or the whole model was deleted. */
export async function takeNextNumber(
  tx: Tx,
  job: { projectId: string; name: string; task: string },
): Promise<{ id: string; name: string; latestVersion: number }> {
  const rows = await tx.$queryRaw<{ id: string; task: string; latest_version: number }[]>`
    INSERT INTO models (id, project_id, name, task, latest_version)
    VALUES (${newId('mdl')}, ${job.projectId}, ${job.name}, ${job.task}, 1)
    ON CONFLICT (project_id, name) DO UPDATE SET
      latest_version = models.latest_version + 1,
      task = CASE WHEN models.deleted_at IS NULL THEN models.task ELSE EXCLUDED.task END,
      deleted_at = NULL,
      updated_at = now()
    RETURNING id, task, latest_version`;
  const row = rows[0];
  if (row === undefined || row.task !== job.task) {
    // Submission keeps one name to one task while a job is open, so this is a mistake of ours.
    throw new Error(`The model ${job.name} is for ${row?.task}, not for ${job.task}.`);
  }
  return { id: row.id, name: job.name, latestVersion: row.latest_version };
}

async function finish(
  tx: Tx,
  job: JobRow,
  lease: HeldLease,
  trained: TrainedModel,
  deployNote: string | null,
): Promise<void> {
  const { number } = await tx.attempt.findUniqueOrThrow({ where: { id: lease.attemptId } });
  const attempt = {
    id: lease.attemptId,
    projectId: job.projectId,
    label: `${job.name} #${number}`,
  };
  await transition(tx, 'attempt', attempt, 'succeed');
  await tx.$executeRaw`
    UPDATE attempts SET finished_at = clock_timestamp() WHERE id = ${lease.attemptId}`;
  const subject = { id: job.id, projectId: job.projectId, label: job.name };
  await transition(tx, 'job', subject, 'succeed');
  const spec = job.spec as unknown as CompletedSpec;
  const warnings = [...new Set([...(job.warnings as string[]), ...trained.warnings])];
  await tx.job.update({
    where: { id: job.id },
    data: {
      metrics: trained.metrics as Prisma.InputJsonValue,
      warnings,
      deployNote,
      progress: {
        percent: 100,
        phase: 'done',
        epochs: spec.training.epochs,
        bestEpoch: trained.bestEpoch,
        etaSeconds: 0,
      },
    },
  });
  await tx.$executeRaw`UPDATE jobs SET finished_at = clock_timestamp() WHERE id = ${job.id}`;
}
