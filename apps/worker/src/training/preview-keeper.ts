import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrainingPreview } from '@vanda/estimators';
import { keyLayout, type ObjectStore } from '@vanda/objects';
import {
  type Database,
  dropOldPreviews,
  type HeldLease,
  newId,
  recordPreview,
} from '@vanda/records';
import type { Logger } from 'pino';
import { NewestFirst } from './newest-first.ts';

interface Deps {
  db: Database;
  objects: ObjectStore;
  log: Logger;
}

/** Training offers one every few seconds at the most; this only spares a store that is slower than that. */
const restMs = 250;

/** Brings an attempt's previews into the object store, each in the place of the one before; training does not wait. */
export class PreviewKeeper {
  readonly #deps: Deps;
  readonly #lease: HeldLease;
  readonly #queue = new NewestFirst<TrainingPreview>({
    work: (preview) => this.#tryToShow(preview),
    discard: ({ folder }) => rm(folder, { recursive: true, force: true }),
    restMs,
  });

  constructor(deps: Deps, lease: HeldLease) {
    this.#deps = deps;
    this.#lease = lease;
  }

  offer(preview: TrainingPreview): void {
    this.#queue.offer(preview);
  }

  /** One that waits is of no use to a job that has ended, and the next attempt of another makes its own. */
  close(): Promise<void> {
    return this.#queue.close(true);
  }

  async #tryToShow(preview: TrainingPreview): Promise<void> {
    try {
      await this.#show(preview);
    } catch (error) {
      // The model can be tried when it is trained, or by the next preview.
      const { message } = error as Error;
      this.#deps.log.warn({ err: message, epoch: preview.epoch }, 'a preview could not be shown');
    }
  }

  /** Nothing names the bytes until both files are there; a crash before that leaves them to the reaper. */
  async #show({ folder, ...preview }: TrainingPreview): Promise<void> {
    const { db, objects } = this.#deps;
    const id = newId('pvw');
    const put = async (file: string) => {
      const key = keyLayout.previewFile(id, file);
      const { sha256, size: bytes } = await objects.putFile(key, join(folder, file));
      return { key, sha256, bytes };
    };
    const graph = await put('model.json');
    const weights = await put('weights.safetensors');
    const { keys } = await recordPreview(db, this.#lease, { ...preview, id, graph, weights });
    for (const key of keys) await objects.delete(key);
  }
}

/** Frees the previews of jobs that have ended: of this one, or of any without an id. */
export async function freePreviews(
  deps: { db: Database; objects: ObjectStore },
  jobId?: string,
): Promise<void> {
  for (const key of await dropOldPreviews(deps.db, jobId)) await deps.objects.delete(key);
}
