import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { keyLayout, type ObjectStore } from '@vanda/objects';
import {
  type Database,
  dropOldCheckpoints,
  type HeldLease,
  listCheckpoints,
  recordCheckpoint,
} from '@vanda/records';
import type { Logger } from 'pino';
import { NewestFirst } from './newest-first.ts';

interface Offered {
  path: string;
  step: number;
  epoch: number;
}

/** The one before is kept too: a resume falls back to it when the newest cannot be read. */
const keptForResume = 2;
/** A small model ends an epoch every few milliseconds; each of them in the store would be of no use to anyone. */
const restMs = 250;
const failedKeptMs = 24 * 3600 * 1000;

/** Brings an attempt's checkpoints into the object store, one at a time; training does not wait. */
export class CheckpointKeeper {
  readonly #deps: { db: Database; objects: ObjectStore; log: Logger };
  readonly #lease: HeldLease;
  readonly #beforeRow: () => Promise<void>;
  readonly #queue = new NewestFirst<Offered>({
    work: (checkpoint) => this.#tryToKeep(checkpoint),
    discard: ({ path }) => rm(path, { force: true }),
    restMs,
  });

  /** @param beforeRow resolves when all points made so far are safe in Postgres: a resume will not make them again. */
  constructor(
    deps: { db: Database; objects: ObjectStore; log: Logger },
    lease: HeldLease,
    beforeRow: () => Promise<void>,
  ) {
    this.#deps = deps;
    this.#lease = lease;
    this.#beforeRow = beforeRow;
  }

  offer(checkpoint: Offered): void {
    this.#queue.offer(checkpoint);
  }

  /** Lets the one on its way arrive, and the one that waits too, unless no resume will need it. */
  close(finished: boolean): Promise<void> {
    return this.#queue.close(finished);
  }

  async #tryToKeep(checkpoint: Offered): Promise<void> {
    try {
      await this.#keep(checkpoint);
    } catch (error) {
      // The next checkpoint is another chance; a job that must start over from the one before ends alike.
      const { message } = error as Error;
      this.#deps.log.warn(
        { err: message, step: checkpoint.step },
        'a checkpoint could not be kept',
      );
    }
  }

  async #keep(checkpoint: Offered): Promise<void> {
    const { db, objects } = this.#deps;
    const { attemptId, jobId } = this.#lease;
    const key = keyLayout.checkpointFile(attemptId, `step-${checkpoint.step}`);
    const [stored] = await Promise.all([objects.putFile(key, checkpoint.path), this.#beforeRow()]);
    const { step, epoch } = checkpoint;
    const { sha256, size: bytes } = stored;
    await recordCheckpoint(db, this.#lease, { key, sha256, bytes, step, epoch });
    await freeCheckpoints(this.#deps, jobId);
  }
}

/** Frees what no resume of the job (of any job, without an id) will need. */
export async function freeCheckpoints(
  deps: { db: Database; objects: ObjectStore },
  jobId?: string,
): Promise<number> {
  const keys = await dropOldCheckpoints(deps.db, { keep: keptForResume, failedKeptMs, jobId });
  for (const key of keys) await deps.objects.delete(key);
  return keys.length;
}

/** Fetches the furthest checkpoint whose bytes are what its row says; null where there is none: a fresh start. */
export async function fetchCheckpoint(
  deps: { db: Database; objects: ObjectStore; log: Logger },
  jobId: string,
  folder: string,
  signal: AbortSignal,
): Promise<{ path: string; step: number } | null> {
  for (const checkpoint of await listCheckpoints(deps.db, jobId)) {
    const path = join(folder, `resume-${checkpoint.step}`);
    try {
      const { sha256 } = await deps.objects.getFile(checkpoint.key, path, { signal });
      if (sha256 === checkpoint.sha256) return { path, step: checkpoint.step };
      await rm(path, { force: true });
      deps.log.error({ key: checkpoint.key }, 'a checkpoint is damaged; the one before is taken');
    } catch (error) {
      signal.throwIfAborted();
      const { message } = error as Error;
      deps.log.error({ key: checkpoint.key, err: message }, 'a checkpoint cannot be read');
    }
  }
  return null;
}
