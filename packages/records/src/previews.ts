import type { ModelSignature, SplitMetrics } from '@vanda/contracts';
import { type Database, inTransaction, notify, Prisma, type Tx } from './database.ts';
import { type HeldLease, withLease } from './leases.ts';
import { nameObject, type ObjectFacts, releaseObjects } from './stored-objects.ts';

/** The best epoch so far of a training that goes on, complete and hashed in the store. */
export interface NewPreview {
  /** Made by the worker, since the objects' keys carry it. */
  id: string;
  epoch: number;
  /** Figures of the validation split; null where that is empty. */
  validation: SplitMetrics | null;
  chance: number | null;
  signature: ModelSignature;
  graph: ObjectFacts;
  weights: ObjectFacts;
}

/**
 * Puts a preview in the place of the one before. Refused where the lease has moved on, the job is to end, or a later
 * epoch is shown already (an attempt that started further back makes the same epochs again).
 *
 * @returns the keys whose bytes nothing names any more, be it the former preview's or, where it was refused, its own.
 */
export async function recordPreview(
  db: Database,
  lease: HeldLease,
  preview: NewPreview,
): Promise<{ recorded: boolean; keys: string[] }> {
  const refused = { recorded: false, keys: [preview.graph.key, preview.weights.key] };
  const outcome = await withLease(db, lease, async (tx, job) => {
    const former = await tx.preview.findUnique({ where: { jobId: job.id } });
    if (job.state !== 'running' || (former !== null && former.epoch >= preview.epoch)) {
      return refused;
    }
    const keys = former === null ? [] : await remove(tx, former.id);
    const owner = { kind: 'preview' as const, id: preview.id };
    await nameObject(tx, job.projectId, preview.graph, owner, 'graph');
    await nameObject(tx, job.projectId, preview.weights, owner, 'weights');
    const { confusionMatrix: _, ...validation } = preview.validation ?? {};
    await tx.preview.create({
      data: {
        id: preview.id,
        jobId: job.id,
        attemptId: lease.attemptId,
        epoch: preview.epoch,
        validation: preview.validation === null ? Prisma.DbNull : validation,
        chance: preview.chance,
        signature: preview.signature as unknown as Prisma.InputJsonObject,
      },
    });
    await notify(tx, 'vanda_telemetry', job.id);
    return { recorded: true, keys };
  });
  return outcome ?? refused;
}

/**
 * Drops the previews of jobs that have ended (of this one, with an id): the model version takes over, or there is
 * nothing to try. Returns the keys whose bytes nothing names any more; the caller deletes them from the store.
 */
export async function dropOldPreviews(db: Database, jobId?: string): Promise<string[]> {
  const old = await db.preview.findMany({
    where: {
      ...(jobId === undefined ? {} : { jobId }),
      job: { state: { in: ['succeeded', 'failed', 'cancelled'] } },
    },
    select: { id: true },
    take: 1000,
  });
  const keys: string[] = [];
  for (const { id } of old) keys.push(...(await inTransaction(db, (tx) => remove(tx, id))));
  return keys;
}

async function remove(tx: Tx, id: string): Promise<string[]> {
  await tx.preview.deleteMany({ where: { id } });
  return (await releaseObjects(tx, { kind: 'preview', id })).keys;
}
