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
    const named = await namedKeys(db, keys);
    for (const key of keys) {
      if (named.has(key)) continue;
      // Content is found again by its hash: it may have got its name while this walk went on.
      if ((await namedKeys(db, [key])).size > 0) continue;
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

/** What a client uploaded is named by its upload until a push has taken it. */
async function namedKeys(db: Database, keys: string[]): Promise<Set<string>> {
  const rows = await db.$queryRaw<{ key: string }[]>`
    SELECT key FROM objects WHERE key = ANY(${keys})
    UNION SELECT object_key FROM uploads
      WHERE object_key = ANY(${keys}) AND state IN ('open', 'completed')`;
  return new Set(rows.map((row) => row.key));
}
