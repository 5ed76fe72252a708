import type { Failure, ImportOptions, ImportState } from '@vanda/contracts';
import { type Database, inTransaction, type Prisma, type Tx } from './database.ts';
import { newId } from './ids.ts';
import { milliseconds } from './leases.ts';
import { writeOutbox } from './outbox.ts';
import { afterRow, type Page } from './pages.ts';
import { transition, writeHistory } from './transition.ts';
import { assertUploadsReady } from './uploads.ts';

const details = { modelVersion: { include: { model: true } } } satisfies Prisma.ImportInclude;
export type ImportDetails = Prisma.ImportGetPayload<{ include: typeof details }>;

export function findImport(
  db: Database | Tx,
  projectId: string,
  id: string,
): Promise<ImportDetails | null> {
  return db.import.findFirst({ where: { id, projectId }, include: details });
}

/** Newest first. */
export async function listImports(
  db: Database,
  projectId: string,
  page: Page,
): Promise<ImportDetails[]> {
  const after = await afterRow(page, (id) => db.import.findFirst({ where: { id, projectId } }));
  return db.import.findMany({
    where: { projectId, ...(after && { id: { lt: after.id } }) },
    orderBy: { id: 'desc' },
    take: page.limit,
    include: details,
  });
}

/** The newest pull of each backbone, by the backbone's name. */
export async function newestPulls(
  db: Database | Tx,
  projectId: string,
): Promise<Map<string, ImportDetails>> {
  const rows = await db.import.findMany({
    where: { projectId, backbone: { not: null } },
    orderBy: { id: 'desc' },
    distinct: ['backbone'],
    include: details,
  });
  return new Map(rows.map((row) => [row.backbone ?? '', row]));
}

export interface NewImport {
  projectId: string;
  /** The model's name. */
  name: string;
  backbone: string | null;
  options: ImportOptions;
  uploads: string[];
}

/** Row, history and outbox in the caller's transaction; ring for `outboxId` after the commit. */
export async function createImport(
  tx: Tx,
  order: NewImport,
): Promise<{ import: ImportDetails; outboxId: bigint }> {
  const { projectId, name, backbone, options } = order;
  await assertUploadsReady(tx, projectId, order.uploads);
  const id = newId('imp');
  const state = 'queued' satisfies ImportState;
  const uploads = { create: order.uploads.map((uploadId, position) => ({ uploadId, position })) };
  await tx.import.create({ data: { id, projectId, name, backbone, options, state, uploads } });
  const created = { from: null, to: state, event: 'create' };
  await writeHistory(tx, { projectId, noun: 'import', subjectId: id, label: name, ...created });
  const outboxId = await writeOutbox(tx, { queue: 'import', subjectId: id });
  return {
    import: await tx.import.findUniqueOrThrow({ where: { id }, include: details }),
    outboxId,
  };
}

/**
 * The pull of a backbone that waits, runs or has a version that is still there; another one where there is none such.
 * `outboxId` is null where nothing new was made.
 */
export async function askForBackbone(
  tx: Tx,
  order: NewImport & { backbone: string },
): Promise<{ import: ImportDetails; outboxId: bigint | null }> {
  const { projectId, backbone } = order;
  // Two who ask at once take turns, so that it is pulled once.
  const name = `${projectId}/${backbone}`;
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${name}, 3))`;
  const before = (await newestPulls(tx, projectId)).get(backbone);
  if (before !== undefined && isOfUse(before)) return { import: before, outboxId: null };
  return createImport(tx, order);
}

/** Whether it will make a version, or has made one that was not deleted. */
export function isOfUse({ state, modelVersion }: ImportDetails): boolean {
  if (state === 'succeeded') return modelVersion !== null && modelVersion.deletedAt === null;
  return state !== 'failed';
}

/** Who may write for an import: the claim with this fencing token, while its lease lasts. */
export interface ImportClaim {
  importId: string;
  token: number;
  projectId: string;
  /** The model's name. */
  name: string;
  backbone: string | null;
  options: ImportOptions;
  uploads: { id: string; filename: string; objectKey: string; sha256: string | null }[];
}

/** The oldest import that waits, or one whose worker let its lease run out; null when there is none. */
export function claimNextImport(
  db: Database,
  worker: { id: string; leaseMs: number },
): Promise<ImportClaim | null> {
  return inTransaction(db, async (tx) => {
    const next = await tx.$queryRaw<{ id: string }[]>`
      SELECT id FROM imports
      WHERE state = 'queued' OR (state = 'running' AND lease_until < clock_timestamp())
      ORDER BY created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED`;
    const id = next[0]?.id;
    if (id === undefined) return null;
    const row = await tx.import.findUniqueOrThrow({
      where: { id },
      include: { uploads: { orderBy: { position: 'asc' }, include: { upload: true } } },
    });
    await transition(tx, 'import', { id, projectId: row.projectId, label: row.name }, 'start');
    await tx.$executeRaw`
      UPDATE imports SET lease_token = lease_token + 1, worker_id = ${worker.id}, note = 'Fetching',
        lease_until = clock_timestamp() + ${milliseconds(worker.leaseMs)} WHERE id = ${id}`;
    return {
      importId: id,
      token: row.leaseToken + 1,
      projectId: row.projectId,
      name: row.name,
      backbone: row.backbone,
      options: row.options as ImportOptions,
      uploads: row.uploads.map(({ upload }) => upload),
    };
  });
}

/** Extends the lease and says what is being done; false when the lease has moved on. */
export async function renewImportLease(
  db: Database,
  claim: ImportClaim,
  leaseMs: number,
  note: string,
): Promise<boolean> {
  const touched = await db.$executeRaw`
    UPDATE imports SET lease_until = clock_timestamp() + ${milliseconds(leaseMs)}, note = ${note}
    WHERE id = ${claim.importId} AND lease_token = ${claim.token} AND state = 'running'
      AND lease_until >= clock_timestamp()`;
  return touched === 1;
}

export function failImport(db: Database, claim: ImportClaim, failure: Failure): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    if (!(await holdsImport(tx, claim))) return false;
    await transition(tx, 'import', subjectOf(claim), 'fail', failure.message.slice(0, 500));
    await tx.import.update({
      where: { id: claim.importId },
      data: {
        note: null,
        failureKind: failure.kind,
        failureCode: failure.code,
        failureMessage: failure.message,
        finishedAt: new Date(),
      },
    });
    return true;
  });
}

/** Hands an import back, for this worker or another to begin anew. */
export function requeueImport(db: Database, claim: ImportClaim, reason: string): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    if (!(await holdsImport(tx, claim))) return false;
    await transition(tx, 'import', subjectOf(claim), 'requeue', reason.slice(0, 500));
    await tx.$executeRaw`UPDATE imports SET lease_until = NULL WHERE id = ${claim.importId}`;
    await writeOutbox(tx, { queue: 'import', subjectId: claim.importId });
    return true;
  });
}

/** Locks the row; true while the claim is the last one and its lease has not run out. */
export async function holdsImport(tx: Tx, claim: ImportClaim): Promise<boolean> {
  const rows = await tx.$queryRaw<{ held: boolean }[]>`
    SELECT (lease_token = ${claim.token} AND state = 'running'
      AND lease_until >= clock_timestamp()) AS held
    FROM imports WHERE id = ${claim.importId} FOR UPDATE`;
  return rows[0]?.held ?? false;
}

function subjectOf(claim: ImportClaim) {
  return { id: claim.importId, projectId: claim.projectId, label: claim.name };
}
