import { keyPrefixes, type ObjectStore } from '@vanda/objects';
import type { Database } from '@vanda/records';

/** A writer that is alive names its object within minutes; after an hour the audit would complain. */
const unnamedKeptMs = 50 * 60_000;
const lookUpMax = 500;

/** Frees bytes that no row names: what a crash left between the store and Postgres. Answers their keys. */
export async function freeUnnamedObjects(
  db: Database,
  objects: ObjectStore,
  keptMs = unnamedKeptMs,
): Promise<string[]> {
  const freed: string[] = [];
  const before = Date.now() - keptMs;
  const free = async (keys: string[]) => {
    const rows = await db.storedObject.findMany({
      where: { key: { in: keys } },
      select: { key: true },
    });
    const named = new Set(rows.map((row) => row.key));
    for (const key of keys) {
      if (named.has(key)) continue;
      // Content is found again by its hash: it may have got its name while this walk went on.
      if (await db.storedObject.findUnique({ where: { key } })) continue;
      if (await objects.delete(key)) freed.push(key);
    }
  };
  for (const prefix of keyPrefixes) {
    let batch: string[] = [];
    for await (const object of objects.list(prefix)) {
      if (object.modifiedAt.getTime() > before) continue;
      batch.push(object.key);
      if (batch.length < lookUpMax) continue;
      await free(batch);
      batch = [];
    }
    await free(batch);
  }
  return freed;
}
