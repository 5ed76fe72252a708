import { type IngestOptions, type IngestState, VandaError } from '@vanda/contracts';
import type { Database, Tx } from './database.ts';
import type { Prisma } from './generated/client.ts';
import { newId } from './ids.ts';
import { writeOutbox } from './outbox.ts';
import { afterRow, type Page } from './pages.ts';
import { releaseObjects } from './stored-objects.ts';
import { writeHistory } from './transition.ts';
import { assertUploadsReady } from './uploads.ts';

const liveVersions = {
  where: { deletedAt: null },
  orderBy: { version: 'desc' },
  select: { version: true, items: true, bytes: true, kind: true },
} as const;
const datasetDetails = {
  versions: liveVersions,
  ingests: { where: { state: { in: ['queued', 'running'] } }, select: { id: true }, take: 1 },
} satisfies Prisma.DatasetInclude;
export type DatasetDetails = Prisma.DatasetGetPayload<{ include: typeof datasetDetails }>;

/** Newest change first; ask for one more than the page to know whether there is more. */
export async function listDatasets(
  db: Database,
  projectId: string,
  page: Page,
): Promise<DatasetDetails[]> {
  const after = await afterRow(page, (id) => db.dataset.findFirst({ where: { id, projectId } }));
  return db.dataset.findMany({
    where: { projectId, deletedAt: null, ...changedBefore(after) },
    orderBy: [{ updatedAt: 'desc' }, { id: 'desc' }],
    take: page.limit,
    include: datasetDetails,
  });
}

export function findDataset(
  db: Database | Tx,
  projectId: string,
  name: string,
): Promise<DatasetDetails | null> {
  return db.dataset.findFirst({
    where: { projectId, name, deletedAt: null },
    include: datasetDetails,
  });
}

const versionDetails = {
  dataset: true,
  jobs: {
    where: { deletedAt: null },
    orderBy: { id: 'desc' },
    take: 100,
    select: { id: true, name: true, state: true },
  },
  ingests: { where: { state: 'succeeded', reused: false }, orderBy: { id: 'asc' }, take: 1 },
} satisfies Prisma.DatasetVersionInclude;
export type DatasetVersionDetails = Prisma.DatasetVersionGetPayload<{
  include: typeof versionDetails;
}>;

/** A version by number, or the highest that is not deleted where none is given. */
export function findDatasetVersion(
  db: Database | Tx,
  projectId: string,
  name: string,
  version: number | null,
): Promise<DatasetVersionDetails | null> {
  return db.datasetVersion.findFirst({
    where: {
      deletedAt: null,
      dataset: { projectId, name, deletedAt: null },
      ...(version === null ? {} : { version }),
    },
    orderBy: { version: 'desc' },
    include: versionDetails,
  });
}

/** Highest number first; a page continues after the id of a version. */
export async function listDatasetVersions(
  db: Database,
  datasetId: string,
  page: Page,
): Promise<DatasetVersionDetails[]> {
  const after = await afterRow(page, (id) =>
    db.datasetVersion.findFirst({ where: { id, datasetId } }),
  );
  return db.datasetVersion.findMany({
    where: { datasetId, deletedAt: null, ...(after && { version: { lt: after.version } }) },
    orderBy: { version: 'desc' },
    take: page.limit,
    include: versionDetails,
  });
}

const ingestDetails = { dataset: true, version: true } satisfies Prisma.IngestInclude;
export type IngestDetails = Prisma.IngestGetPayload<{ include: typeof ingestDetails }>;

export function findIngest(
  db: Database | Tx,
  projectId: string,
  id: string,
): Promise<IngestDetails | null> {
  return db.ingest.findFirst({ where: { id, projectId }, include: ingestDetails });
}

export function listIngests(db: Database, datasetId: string, page: Page): Promise<IngestDetails[]> {
  return db.ingest.findMany({
    where: { datasetId, ...(page.after === undefined ? {} : { id: { lt: page.after } }) },
    orderBy: { id: 'desc' },
    take: page.limit,
    include: ingestDetails,
  });
}

export interface NewIngest {
  projectId: string;
  /** The dataset's name; the dataset is made where there is none. */
  name: string;
  uploads: string[];
  options: IngestOptions;
}

/** Row, history and outbox of a push in the caller's transaction; ring for `outboxId` after the commit. */
export async function createIngest(
  tx: Tx,
  push: NewIngest,
): Promise<{ ingest: IngestDetails; outboxId: bigint }> {
  const { projectId, name } = push;
  // The dataset is locked first, as by whoever ends a push: the two never wait for each other.
  const dataset = await openDataset(tx, projectId, name);
  await assertUploadsReady(tx, projectId, push.uploads);
  const { kind } = push.options;
  if (kind !== undefined && dataset.kind !== null && kind !== dataset.kind) {
    throw new VandaError(
      'conflict',
      `The dataset "${name}" holds ${dataset.kind === 'table' ? 'a table' : 'pictures'}: push other kinds to a dataset of another name.`,
    );
  }
  const id = newId('ing');
  await tx.ingest.create({
    data: {
      id,
      projectId,
      datasetId: dataset.id,
      options: push.options,
      state: 'queued' satisfies IngestState,
      uploads: { create: push.uploads.map((uploadId, position) => ({ uploadId, position })) },
    },
  });
  await writeHistory(tx, {
    projectId,
    noun: 'ingest',
    subjectId: id,
    label: name,
    from: null,
    to: 'queued',
    event: 'create',
  });
  const outboxId = await writeOutbox(tx, { queue: 'ingest', subjectId: id });
  const ingest = await tx.ingest.findUniqueOrThrow({ where: { id }, include: ingestDetails });
  return { ingest, outboxId };
}

/** The dataset of that name: made, or brought back where it was deleted (its numbers go on). */
async function openDataset(tx: Tx, projectId: string, name: string) {
  await tx.$executeRaw`
    INSERT INTO datasets (id, project_id, name) VALUES (${newId('ds')}, ${projectId}, ${name})
    ON CONFLICT (project_id, name) DO UPDATE SET updated_at = now(), deleted_at = NULL,
      kind = CASE WHEN datasets.deleted_at IS NULL THEN datasets.kind END,
      created_at = CASE WHEN datasets.deleted_at IS NULL THEN datasets.created_at ELSE now() END`;
  return tx.dataset.findUniqueOrThrow({ where: { projectId_name: { projectId, name } } });
}

/**
 * Deletes versions of a dataset (all of them, and the dataset, where no number is given). Their rows stay as
 * tombstones. Refused while a job that has not ended uses one. The caller deletes the keys after the commit.
 */
export async function deleteDataset(
  tx: Tx,
  dataset: { id: string; projectId: string; name: string },
  version: number | null,
): Promise<{ keys: string[]; freedBytes: number }> {
  // Submissions share-lock the version, pushes lock the dataset: either they see the tombstone or this sees them.
  await tx.$queryRaw`SELECT id FROM datasets WHERE id = ${dataset.id} FOR UPDATE`;
  const versions = await tx.$queryRaw<{ id: string; version: number }[]>`
    SELECT id, version FROM dataset_versions WHERE dataset_id = ${dataset.id} AND deleted_at IS NULL
      AND (${version}::int IS NULL OR version = ${version}::int) ORDER BY id FOR UPDATE`;
  if (version !== null && versions.length === 0) {
    throw new VandaError('not-found', `There is no dataset ${dataset.name}@${version}.`);
  }
  const ids = versions.map((row) => row.id);
  await assertNotUsed(tx, dataset, ids, version === null);
  const keys: string[] = [];
  let freedBytes = 0;
  for (const id of ids) {
    const freed = await releaseObjects(tx, { kind: 'dataset-version', id });
    keys.push(...freed.keys);
    freedBytes += freed.freedBytes;
  }
  await tx.datasetVersion.updateMany({
    where: { id: { in: ids } },
    data: { deletedAt: new Date() },
  });
  await tx.dataset.update({
    where: { id: dataset.id },
    data: { updatedAt: new Date(), ...(version === null && { deletedAt: new Date() }) },
  });
  await writeHistory(tx, {
    projectId: dataset.projectId,
    noun: 'dataset',
    subjectId: dataset.id,
    label: version === null ? dataset.name : `${dataset.name}@${version}`,
    from: 'ready',
    to: 'deleted',
    event: 'delete',
  });
  return { keys, freedBytes };
}

async function assertNotUsed(
  tx: Tx,
  dataset: { id: string; name: string },
  versionIds: string[],
  whole: boolean,
): Promise<void> {
  const job = await tx.job.findFirst({
    where: {
      datasetVersionId: { in: versionIds },
      state: { notIn: ['succeeded', 'failed', 'cancelled'] },
    },
    include: { datasetVersion: { select: { version: true } } },
  });
  if (job) {
    throw new VandaError(
      'in-use',
      `${dataset.name}@${job.datasetVersion.version} is used by the job ${job.name} (${job.id}), which is ${job.state}: cancel it or wait for its end.`,
    );
  }
  const ingest = await tx.ingest.findFirst({
    where: { datasetId: dataset.id, state: { in: ['queued', 'running'] } },
  });
  if (whole && ingest) {
    throw new VandaError(
      'in-use',
      `The push ${ingest.id} to ${dataset.name} is ${ingest.state}: wait for its end.`,
    );
  }
}

/** The signed download of rejected items needs the key of the object that lists them. */
export async function rejectedObjectOf(
  db: Database,
  version: DatasetVersionDetails,
): Promise<string | null> {
  const owners = [version.id, ...version.ingests.map((ingest) => ingest.id)];
  const ref = await db.objectRef.findFirst({
    where: {
      ownerKind: { in: ['dataset-version', 'ingest'] },
      ownerId: { in: owners },
      role: 'rejected',
    },
  });
  return ref?.objectKey ?? null;
}

function changedBefore(row: { updatedAt: Date; id: string } | null) {
  if (row === null) return {};
  const { updatedAt, id } = row;
  return { OR: [{ updatedAt: { lt: updatedAt } }, { updatedAt, id: { lt: id } }] };
}
