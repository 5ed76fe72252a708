import type { Deps } from './deps.ts';

/**
 * Deletes from the store what a committed deletion freed. Content has its hash for a key, so a push may have named it
 * again meanwhile: what has a row again stays. What cannot be deleted now is left to the reaper.
 */
export async function freeKeys(deps: Deps, keys: string[]): Promise<void> {
  const named = await deps.db.storedObject.findMany({
    where: { key: { in: keys } },
    select: { key: true },
  });
  const again = new Set(named.map((row) => row.key));
  for (const key of keys) {
    if (again.has(key)) continue;
    await deps.objects.delete(key).catch((error: Error) => {
      deps.log.warn({ err: error.message, key }, 'an object was left to the reaper');
    });
  }
}
