import type {
  CompletedSpec,
  DatasetProfile,
  ExportFormat,
  ExportState,
  Failure,
  ParityReport,
} from '@vanda/contracts';
import { VandaError } from '@vanda/contracts';
import { type Database, inTransaction, type Prisma, type Tx } from './database.ts';
import { newId } from './ids.ts';
import { milliseconds } from './leases.ts';
import { writeOutbox } from './outbox.ts';
import { nameObject, type ObjectFacts } from './stored-objects.ts';
import { transition, writeHistory } from './transition.ts';

const details = {
  modelVersion: { include: { model: true } },
} satisfies Prisma.ExportInclude;
export type ExportDetails = Prisma.ExportGetPayload<{ include: typeof details }>;

/** The objects of a version in the role of an export go when the version is deleted. */
export function exportRole(format: string): string {
  return `export-${format}`;
}

export function findExport(
  db: Database | Tx,
  modelVersionId: string,
  format: string,
): Promise<ExportDetails | null> {
  const where = { modelVersionId_format: { modelVersionId, format } };
  return db.export.findUnique({ where, include: details });
}

/** By format: a version has at most one of each. */
export function listExports(db: Database, modelVersionId: string): Promise<ExportDetails[]> {
  return db.export.findMany({
    where: { modelVersionId },
    orderBy: { format: 'asc' },
    include: details,
  });
}

/**
 * The export of a version to a format: made, or that which is there already; one that failed waits again. Ring for
 * `outboxId` after the commit, where there is one.
 */
export async function askForExport(
  tx: Tx,
  version: { id: string; version: number; model: { projectId: string; name: string } },
  format: ExportFormat,
): Promise<{ export: ExportDetails; outboxId: bigint | null }> {
  const { projectId, name } = version.model;
  // The version is locked by whoever deletes it, too.
  const alive = await tx.$queryRaw<unknown[]>`
    SELECT id FROM model_versions WHERE id = ${version.id} AND deleted_at IS NULL FOR UPDATE`;
  if (alive.length === 0) {
    throw new VandaError('not-found', `There is no model ${name}@${version.version}.`);
  }
  const before = await findExport(tx, version.id, format);
  const id = before?.id ?? newId('exp');
  const subject = { id, projectId, label: `${name}@${version.version} ${format}` };
  if (before === null) {
    const state = 'queued' satisfies ExportState;
    await tx.export.create({ data: { id, projectId, modelVersionId: version.id, format, state } });
    const created = { from: null, to: state, event: 'create' };
    await writeHistory(tx, { ...subject, noun: 'export', subjectId: id, ...created });
  } else if (before.state === 'failed') {
    await transition(tx, 'export', subject, 'retry');
    await tx.export.update({
      where: { id },
      data: { failureKind: null, failureCode: null, failureMessage: null, finishedAt: null },
    });
  } else {
    return { export: before, outboxId: null };
  }
  const outboxId = await writeOutbox(tx, { queue: 'export', subjectId: id });
  return {
    export: await tx.export.findUniqueOrThrow({ where: { id }, include: details }),
    outboxId,
  };
}

/** Who may write for an export: the claim with this fencing token, while its lease lasts. */
export interface ExportClaim {
  exportId: string;
  token: number;
  projectId: string;
  modelVersionId: string;
  /** NAME@VERSION FORMAT, for the log. */
  label: string;
  format: ExportFormat;
  /** Of the data that the model learned from; null where it was imported. */
  profile: DatasetProfile | null;
  /** Of a table: the column that the model predicts. */
  target: string | null;
  /** Which item was in which split when the model was trained; null where the job left no file that says so. */
  splits: { key: string; sha256: string } | null;
}

/** The oldest export that waits, or one whose worker let its lease run out; null when there is none. */
export function claimNextExport(
  db: Database,
  worker: { id: string; leaseMs: number },
): Promise<ExportClaim | null> {
  return inTransaction(db, async (tx) => {
    const next = await tx.$queryRaw<{ id: string }[]>`
      SELECT id FROM exports
      WHERE state = 'queued' OR (state = 'running' AND lease_until < clock_timestamp())
      ORDER BY created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED`;
    const id = next[0]?.id;
    if (id === undefined) return null;
    const row = await tx.export.findUniqueOrThrow({
      where: { id },
      include: { modelVersion: { include: { model: true, datasetVersion: true } } },
    });
    const { model, datasetVersion, version, spec, jobId } = row.modelVersion;
    const splits =
      jobId !== null &&
      (await tx.objectRef.findFirst({
        where: { ownerKind: 'job', ownerId: jobId, role: 'splits' },
        include: { object: true },
      }));
    const label = `${model.name}@${version} ${row.format}`;
    await transition(tx, 'export', { id, projectId: row.projectId, label }, 'start');
    await tx.$executeRaw`
      UPDATE exports SET lease_token = lease_token + 1, worker_id = ${worker.id},
        lease_until = clock_timestamp() + ${milliseconds(worker.leaseMs)} WHERE id = ${id}`;
    return {
      exportId: id,
      token: row.leaseToken + 1,
      projectId: row.projectId,
      modelVersionId: row.modelVersionId,
      label,
      format: row.format as ExportFormat,
      profile: (datasetVersion?.profile ?? null) as unknown as DatasetProfile | null,
      target: (spec as unknown as CompletedSpec | null)?.target ?? null,
      splits: splits ? { key: splits.object.key, sha256: splits.object.sha256 } : null,
    };
  });
}

/** False when the lease has moved on. */
export async function renewExportLease(
  db: Database,
  claim: ExportClaim,
  leaseMs: number,
): Promise<boolean> {
  const touched = await db.$executeRaw`
    UPDATE exports SET lease_until = clock_timestamp() + ${milliseconds(leaseMs)}
    WHERE id = ${claim.exportId} AND lease_token = ${claim.token} AND state = 'running'
      AND lease_until >= clock_timestamp()`;
  return touched === 1;
}

/** Names the file and its report; false, with nothing changed, when the lease has moved on or the version is gone. */
export function finishExport(
  db: Database,
  claim: ExportClaim,
  made: { file: ObjectFacts; report: ParityReport },
): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    const alive = await tx.$queryRaw<unknown[]>`
      SELECT id FROM model_versions WHERE id = ${claim.modelVersionId} AND deleted_at IS NULL
      FOR UPDATE`;
    if (alive.length === 0 || !(await holds(tx, claim))) return false;
    const owner = { kind: 'model-version', id: claim.modelVersionId } as const;
    await nameObject(tx, claim.projectId, made.file, owner, exportRole(claim.format));
    await transition(tx, 'export', subjectOf(claim), 'succeed');
    await tx.export.update({
      where: { id: claim.exportId },
      data: { report: made.report, finishedAt: new Date() },
    });
    return true;
  });
}

export function failExport(db: Database, claim: ExportClaim, failure: Failure): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    if (!(await holds(tx, claim))) return false;
    await transition(tx, 'export', subjectOf(claim), 'fail', failure.message.slice(0, 500));
    await tx.export.update({
      where: { id: claim.exportId },
      data: {
        failureKind: failure.kind,
        failureCode: failure.code,
        failureMessage: failure.message,
        finishedAt: new Date(),
      },
    });
    return true;
  });
}

/** Hands an export back, for this worker or another to begin anew. */
export function requeueExport(db: Database, claim: ExportClaim, reason: string): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    if (!(await holds(tx, claim))) return false;
    await transition(tx, 'export', subjectOf(claim), 'requeue', reason.slice(0, 500));
    await tx.$executeRaw`UPDATE exports SET lease_until = NULL WHERE id = ${claim.exportId}`;
    await writeOutbox(tx, { queue: 'export', subjectId: claim.exportId });
    return true;
  });
}

async function holds(tx: Tx, claim: ExportClaim): Promise<boolean> {
  const rows = await tx.$queryRaw<{ held: boolean }[]>`
    SELECT (lease_token = ${claim.token} AND state = 'running'
      AND lease_until >= clock_timestamp()) AS held
    FROM exports WHERE id = ${claim.exportId} FOR UPDATE`;
  return rows[0]?.held ?? false;
}

function subjectOf(claim: ExportClaim) {
  return { id: claim.exportId, projectId: claim.projectId, label: claim.label };
}
