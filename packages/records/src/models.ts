import { VandaError } from '@vanda/contracts';
import type { Database, Tx } from './database.ts';
import type { Prisma } from './generated/client.ts';
import { afterRow, type Page } from './pages.ts';
import { releaseObjects } from './stored-objects.ts';
import { writeHistory } from './transition.ts';

const versionDetails = {
  model: true,
  datasetVersion: { include: { dataset: true } },
} satisfies Prisma.ModelVersionInclude;
export type ModelVersionDetails = Prisma.ModelVersionGetPayload<{
  include: typeof versionDetails;
}>;
const modelDetails = {
  versions: {
    where: { deletedAt: null },
    orderBy: { version: 'desc' },
    take: 1,
    include: versionDetails,
  },
  endpoints: { where: { deletedAt: null }, select: { name: true } },
  _count: { select: { versions: { where: { deletedAt: null } } } },
} satisfies Prisma.ModelInclude;
export type ModelDetails = Prisma.ModelGetPayload<{ include: typeof modelDetails }>;

/** Newest change first. */
export async function listModels(
  db: Database,
  projectId: string,
  page: Page,
): Promise<ModelDetails[]> {
  const after = await afterRow(page, (id) => db.model.findFirst({ where: { id, projectId } }));
  return db.model.findMany({
    where: {
      projectId,
      deletedAt: null,
      ...(after && {
        OR: [
          { updatedAt: { lt: after.updatedAt } },
          { updatedAt: after.updatedAt, id: { lt: after.id } },
        ],
      }),
    },
    orderBy: [{ updatedAt: 'desc' }, { id: 'desc' }],
    take: page.limit,
    include: modelDetails,
  });
}

export function findModel(
  db: Database | Tx,
  projectId: string,
  name: string,
): Promise<ModelDetails | null> {
  return db.model.findFirst({ where: { projectId, name, deletedAt: null }, include: modelDetails });
}

/** A version by number, or the highest that is not deleted. */
export function findModelVersion(
  db: Database | Tx,
  projectId: string,
  name: string,
  version: number | null,
): Promise<ModelVersionDetails | null> {
  return db.modelVersion.findFirst({
    where: {
      deletedAt: null,
      model: { projectId, name, deletedAt: null },
      ...(version === null ? {} : { version }),
    },
    orderBy: { version: 'desc' },
    include: versionDetails,
  });
}

/** Keeps a version from being deleted until the transaction ends; false where it is gone. */
export async function holdModelVersion(tx: Tx, versionId: string): Promise<boolean> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM model_versions WHERE id = ${versionId} AND deleted_at IS NULL FOR SHARE`;
  return rows.length > 0;
}

export async function listModelVersions(
  db: Database,
  modelId: string,
  page: Page,
): Promise<ModelVersionDetails[]> {
  const after = await afterRow(page, (id) => db.modelVersion.findFirst({ where: { id, modelId } }));
  return db.modelVersion.findMany({
    where: { modelId, deletedAt: null, ...(after && { version: { lt: after.version } }) },
    orderBy: { version: 'desc' },
    take: page.limit,
    include: versionDetails,
  });
}

/** Which endpoints serve each of these versions now. */
export async function endpointsServing(
  db: Database | Tx,
  versionIds: string[],
): Promise<Map<string, string[]>> {
  const rows = await db.$queryRaw<{ id: string; names: string[] }[]>`
    SELECT l.model_version_id AS id, array_agg(e.name ORDER BY e.name) AS names
    FROM endpoints e JOIN ledger l ON l.endpoint_id = e.id AND l.seq = e.seq
    WHERE e.deleted_at IS NULL AND l.model_version_id = ANY(${versionIds})
    GROUP BY l.model_version_id`;
  return new Map(rows.map((row) => [row.id, row.names]));
}

/** The object with a version's archive (or another role), to sign a download of. */
export async function objectOf(
  db: Database,
  owner: { kind: string; id: string },
  role: string,
): Promise<string | null> {
  const ref = await db.objectRef.findFirst({
    where: { ownerKind: owner.kind, ownerId: owner.id, role },
  });
  return ref?.objectKey ?? null;
}

/** The objects that these versions name in one role, by version. */
export async function objectsOfVersions(
  db: Database | Tx,
  versionIds: string[],
  role: 'predictions' | 'test-items',
): Promise<Map<string, string>> {
  const refs = await db.objectRef.findMany({
    where: { ownerKind: 'model-version', ownerId: { in: versionIds }, role },
  });
  return new Map(refs.map((ref) => [ref.ownerId, ref.objectKey]));
}

/**
 * Deletes one version, or the model with all of them. Rows stay as tombstones. Refused while an endpoint serves it (a
 * whole model: while an endpoint is bound to it, or a job is going to add to it).
 */
export async function deleteModel(
  tx: Tx,
  model: { id: string; projectId: string; name: string },
  version: number | null,
): Promise<{ keys: string[]; freedBytes: number }> {
  await tx.$queryRaw`SELECT id FROM models WHERE id = ${model.id} FOR UPDATE`;
  const versions = await tx.$queryRaw<{ id: string; version: number }[]>`
    SELECT id, version FROM model_versions WHERE model_id = ${model.id} AND deleted_at IS NULL
      AND (${version}::int IS NULL OR version = ${version}::int) ORDER BY id FOR UPDATE`;
  if (version !== null && versions.length === 0) {
    throw new VandaError('not-found', `There is no model ${model.name}@${version}.`);
  }
  if (version === null) await assertModelFree(tx, model);
  const ids = versions.map((row) => row.id);
  const serving = await endpointsServing(tx, ids);
  for (const { id, version: number } of versions) {
    const [endpoint] = serving.get(id) ?? [];
    if (endpoint === undefined) continue;
    throw new VandaError(
      'in-use',
      `The endpoint ${endpoint} serves ${model.name}@${number}: deploy another version or delete the endpoint first.`,
    );
  }
  const keys: string[] = [];
  let freedBytes = 0;
  for (const id of ids) {
    const freed = await releaseObjects(tx, { kind: 'model-version', id });
    keys.push(...freed.keys);
    freedBytes += freed.freedBytes;
  }
  const now = new Date();
  await tx.modelVersion.updateMany({ where: { id: { in: ids } }, data: { deletedAt: now } });
  await tx.model.update({
    where: { id: model.id },
    data: { updatedAt: now, ...(version === null && { deletedAt: now }) },
  });
  await writeHistory(tx, {
    projectId: model.projectId,
    noun: 'model',
    subjectId: model.id,
    label: version === null ? model.name : `${model.name}@${version}`,
    from: 'ready',
    to: 'deleted',
    event: 'delete',
  });
  return { keys, freedBytes };
}

async function assertModelFree(
  tx: Tx,
  model: { id: string; projectId: string; name: string },
): Promise<void> {
  const endpoint = await tx.endpoint.findFirst({ where: { modelId: model.id, deletedAt: null } });
  if (endpoint) {
    throw new VandaError(
      'in-use',
      `The endpoint ${endpoint.name} is bound to the model ${model.name}: delete the endpoint first.`,
    );
  }
  const job = await tx.job.findFirst({
    where: {
      projectId: model.projectId,
      name: model.name,
      state: { notIn: ['succeeded', 'failed', 'cancelled'] },
    },
  });
  if (job) {
    throw new VandaError(
      'in-use',
      `The job ${job.id} is ${job.state} and makes a version of ${model.name}: cancel it or wait for its end.`,
    );
  }
}
