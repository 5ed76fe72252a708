import type { ModelSignature, ModelSource } from '@vanda/contracts';
import { type Database, inTransaction, type Prisma, type Tx } from './database.ts';
import { holdsImport, type ImportClaim } from './imports.ts';
import { assertModelNameFits } from './jobs.ts';
import { takeNextNumber } from './model-registration.ts';
import { nameObject, type ObjectFacts } from './stored-objects.ts';
import { transition, writeHistory } from './transition.ts';
import { giveUpUploads } from './uploads.ts';

/** What an import leaves in the store, complete and hashed before this is called. */
export interface ImportedModel {
  /** Made by the worker, since the objects' keys carry it. */
  versionId: string;
  graph: ObjectFacts;
  weights: ObjectFacts;
  archive: ObjectFacts;
  engineVersion: string;
  signature: ModelSignature;
  source: ModelSource;
}

/**
 * Success is one transaction: objects, model version n+1, the import's end; its uploads are given up with it, and the
 * caller deletes their keys from the store after the commit. Null, with nothing changed, when the lease has moved on.
 *
 * @throws VandaError name-taken where the model's name belongs to another task.
 */
export function finishImport(
  db: Database,
  claim: ImportClaim,
  made: ImportedModel,
): Promise<{ version: number; keys: string[] } | null> {
  return inTransaction(db, async (tx) => {
    if (!(await holdsImport(tx, claim))) return null;
    const { projectId, name, importId } = claim;
    const { versionId, source, signature } = made;
    const { task } = signature;
    await assertModelNameFits(tx, { projectId, name, task });
    const owner = { kind: 'model-version' as const, id: versionId };
    await nameObject(tx, projectId, made.graph, owner, 'graph');
    await nameObject(tx, projectId, made.weights, owner, 'weights');
    await nameObject(tx, projectId, made.archive, owner, 'archive');
    const version = await registerVersion(tx, claim, made);
    await transition(tx, 'import', { id: importId, projectId, label: name }, 'succeed');
    await tx.import.update({
      where: { id: importId },
      data: { modelVersionId: versionId, note: null, finishedAt: new Date() },
    });
    const from = source.backbone ?? source.files[0]?.name ?? source.format;
    const keys = await giveUpUploads(tx, claim, `imported by ${importId} (${from.slice(0, 200)})`);
    return { version, keys };
  });
}

async function registerVersion(tx: Tx, claim: ImportClaim, made: ImportedModel): Promise<number> {
  const { projectId, name, importId } = claim;
  const { task } = made.signature;
  const model = await takeNextNumber(tx, { projectId, name, task });
  await tx.modelVersion.create({
    data: {
      id: made.versionId,
      modelId: model.id,
      version: model.latestVersion,
      source: made.source as unknown as Prisma.InputJsonValue,
      engineVersion: made.engineVersion,
      signature: made.signature as unknown as Prisma.InputJsonValue,
      metrics: {},
      bytes: BigInt(made.graph.bytes) + BigInt(made.weights.bytes),
    },
  });
  await writeHistory(tx, {
    projectId,
    noun: 'model',
    subjectId: model.id,
    label: `${name}@${model.latestVersion}`,
    from: null,
    to: 'registered',
    event: 'register',
    reason: `by the import ${importId}`,
  });
  return model.latestVersion;
}
