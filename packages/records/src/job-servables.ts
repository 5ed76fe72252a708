import { type ModelSignature, VandaError } from '@vanda/contracts';
import type { Database } from './database.ts';
import type { Servable, ServedFile } from './serving.ts';

export interface JobServable extends Servable {
  signature: ModelSignature;
}

/**
 * What of a job can be tried now: its preview while it is not over, its model version when it has succeeded.
 *
 * @throws VandaError not-found where the project has no such job, illegal-state with the reason why there is nothing.
 */
export async function findJobServable(
  db: Database,
  projectId: string,
  jobId: string,
): Promise<JobServable> {
  const job = await db.job.findFirst({
    where: { id: jobId, projectId, deletedAt: null },
    select: {
      state: true,
      preview: { select: { id: true, signature: true } },
      modelVersion: { include: { model: { select: { name: true } } } },
    },
  });
  if (job === null) throw new VandaError('not-found', `There is no job ${jobId}.`);
  const { state, preview, modelVersion } = job;
  if (state === 'failed' || state === 'cancelled') {
    throw nothing(`The job ${jobId} is ${state} and made no model: there is nothing to try.`);
  }
  if (modelVersion !== null) {
    const { model, version, deletedAt, id, signature } = modelVersion;
    if (deletedAt === null) return servable(db, 'model-version', id, signature);
    throw nothing(`The model ${model.name}@${version}, which the job ${jobId} made, was deleted.`);
  }
  if (preview !== null) return servable(db, 'preview', preview.id, preview.signature);
  throw nothing(
    `The job ${jobId} is ${state} and has nothing to try yet: its first preview comes with the end of an epoch, a few seconds after the training has begun.`,
  );
}

async function servable(
  db: Database,
  kind: 'preview' | 'model-version',
  id: string,
  signature: unknown,
): Promise<JobServable> {
  const files = await modelFiles(db, kind, id);
  return { id, ...files, signature: signature as ModelSignature };
}

/** The graph and the weights of a model version; null when it was deleted. */
export async function findVersionFiles(
  db: Database,
  id: string,
): Promise<{ graph: ServedFile; weights: ServedFile } | null> {
  const { graph, weights } = await modelFiles(db, 'model-version', id);
  return graph && weights && { graph, weights };
}

async function modelFiles(
  db: Database,
  kind: 'preview' | 'model-version',
  id: string,
): Promise<Pick<Servable, 'graph' | 'weights'>> {
  // One statement, of one moment: a better preview may take the place of this one at any time.
  const rows = await db.$queryRaw<{ role: string; key: string; sha256: string; bytes: bigint }[]>`
    SELECT r.role, o.key, o.sha256, o.bytes
    FROM object_refs r JOIN objects o ON o.key = r.object_key
    WHERE r.owner_kind = ${kind} AND r.owner_id = ${id} AND r.role IN ('graph', 'weights')`;
  const file = (wanted: string): ServedFile | null => {
    const row = rows.find(({ role }) => role === wanted);
    return row === undefined
      ? null
      : { key: row.key, sha256: row.sha256, bytes: Number(row.bytes) };
  };
  return { graph: file('graph'), weights: file('weights') };
}

function nothing(sentence: string): VandaError {
  return new VandaError('illegal-state', sentence);
}
