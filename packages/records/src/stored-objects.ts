import type { Tx } from './database.ts';

export type OwnerKind =
  | 'upload'
  | 'ingest'
  | 'dataset-version'
  | 'attempt'
  | 'job'
  | 'preview'
  | 'model-version';
export interface Owner {
  kind: OwnerKind;
  id: string;
}
export interface ObjectFacts {
  key: string;
  sha256: string;
  bytes: number | bigint;
}

/** Names a complete object as used by `owner`; call it after the store has the bytes and their hash is known. */
export async function nameObject(
  tx: Tx,
  projectId: string,
  object: ObjectFacts,
  owner: Owner,
  role: string,
): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO objects (key, project_id, sha256, bytes)
    VALUES (${object.key}, ${projectId}, ${object.sha256}, ${BigInt(object.bytes)})
    ON CONFLICT (key) DO UPDATE SET key = EXCLUDED.key`;
  await tx.$executeRaw`
    INSERT INTO object_refs (object_key, owner_kind, owner_id, role)
    VALUES (${object.key}, ${owner.kind}, ${owner.id}, ${role}) ON CONFLICT DO NOTHING`;
}

/**
 * Takes an owner's names away and the rows of objects that nothing names any more with them. The caller deletes the
 * returned keys from the store after the commit (a crash between leaves bytes without a row, which the reaper finds).
 */
export async function releaseObjects(
  tx: Tx,
  owner: Owner,
): Promise<{ keys: string[]; freedBytes: number }> {
  const named = await tx.$queryRaw<{ object_key: string }[]>`
    DELETE FROM object_refs WHERE owner_kind = ${owner.kind} AND owner_id = ${owner.id}
    RETURNING object_key`;
  const candidates = [...new Set(named.map((row) => row.object_key))].sort();
  if (candidates.length === 0) return { keys: [], freedBytes: 0 };
  // Locked in key order, so that a push that names one of them again waits or finds it gone.
  await tx.$queryRaw`SELECT key FROM objects WHERE key = ANY(${candidates}) ORDER BY key FOR UPDATE`;
  const freed = await tx.$queryRaw<{ key: string; bytes: bigint }[]>`
    DELETE FROM objects o WHERE key = ANY(${candidates})
      AND NOT EXISTS (SELECT 1 FROM object_refs r WHERE r.object_key = o.key)
    RETURNING key, bytes`;
  return {
    keys: freed.map((row) => row.key),
    freedBytes: freed.reduce((sum, row) => sum + Number(row.bytes), 0),
  };
}
