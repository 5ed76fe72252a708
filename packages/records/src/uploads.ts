import { VandaError } from '@vanda/contracts';
import type { UploadState } from '@vanda/lifecycle';
import { type Database, inTransaction, type Tx } from './database.ts';
import type { Upload } from './generated/client.ts';
import { releaseObjects } from './stored-objects.ts';
import { transition, writeHistory } from './transition.ts';

export type UploadRow = Upload;
export type NewUpload = Pick<
  Upload,
  | 'id'
  | 'projectId'
  | 'filename'
  | 'contentType'
  | 'bytes'
  | 'sha256'
  | 'partBytes'
  | 'storeUploadId'
  | 'objectKey'
  | 'expiresAt'
>;

export async function createUpload(tx: Tx, upload: NewUpload): Promise<UploadRow> {
  const row = await tx.upload.create({ data: { ...upload, state: 'open' satisfies UploadState } });
  await writeHistory(tx, {
    projectId: row.projectId,
    noun: 'upload',
    subjectId: row.id,
    label: row.filename.slice(0, 200),
    from: null,
    to: 'open',
    event: 'create',
  });
  return row;
}

export function findUpload(
  db: Database | Tx,
  projectId: string,
  id: string,
): Promise<UploadRow | null> {
  return db.upload.findFirst({ where: { id, projectId } });
}

/** After the store has put the parts together. Idempotent: a second completion finds it completed. */
export function markUploadCompleted(
  db: Database,
  upload: UploadRow,
  sha256: string | null,
): Promise<UploadRow> {
  return inTransaction(db, async (tx) => {
    const rows = await tx.$queryRaw<{ state: string }[]>`
      SELECT state FROM uploads WHERE id = ${upload.id} FOR UPDATE`;
    if (rows[0]?.state !== 'completed') {
      await transition(tx, 'upload', subjectOf(upload), 'complete');
      await tx.$executeRaw`
        UPDATE uploads SET completed_at = now(), sha256 = ${sha256} WHERE id = ${upload.id}`;
    }
    return tx.upload.findUniqueOrThrow({ where: { id: upload.id } });
  });
}

/**
 * Gives an upload up; the caller frees its bytes in the store after the commit. Refused while a push reads it.
 * Answers whether this call did it, and how many bytes of named objects it freed.
 */
export async function abortUpload(
  tx: Tx,
  upload: UploadRow,
): Promise<{ aborted: boolean; keys: string[]; freedBytes: number }> {
  const rows = await tx.$queryRaw<{ state: string }[]>`
    SELECT state FROM uploads WHERE id = ${upload.id} FOR UPDATE`;
  const state = rows[0]?.state;
  if (state === 'aborted' || state === 'expired')
    return { aborted: false, keys: [], freedBytes: 0 };
  const reader = await readerOf(tx, upload.id);
  if (reader !== null) {
    throw new VandaError('in-use', `The ${reader} reads this upload: wait for its end.`);
  }
  await transition(tx, 'upload', subjectOf(upload), 'abort');
  const freed = await releaseObjects(tx, { kind: 'upload', id: upload.id });
  return { aborted: true, ...freed };
}

function subjectOf(upload: Pick<UploadRow, 'id' | 'projectId' | 'filename'>) {
  return { id: upload.id, projectId: upload.projectId, label: upload.filename.slice(0, 200) };
}

/**
 * Gives up uploads whose time is over: open ones that nobody finished, and completed ones that no push took. The
 * caller frees their bytes in the store.
 */
export async function expireUploads(
  db: Database,
): Promise<{ objectKey: string; storeUploadId: string; wasOpen: boolean }[]> {
  const late = await db.$queryRaw<{ id: string }[]>`
    SELECT id FROM uploads u WHERE state IN ('open', 'completed') AND expires_at < now()
      AND NOT EXISTS (SELECT 1 FROM ingest_uploads iu JOIN ingests i ON i.id = iu.ingest_id
        WHERE iu.upload_id = u.id AND i.state IN ('queued', 'running'))
      AND NOT EXISTS (SELECT 1 FROM import_uploads mu JOIN imports m ON m.id = mu.import_id
        WHERE mu.upload_id = u.id AND m.state IN ('queued', 'running'))
    LIMIT 100`;
  const expired: { objectKey: string; storeUploadId: string; wasOpen: boolean }[] = [];
  for (const { id } of late) {
    const upload = await db.upload.findUniqueOrThrow({ where: { id } });
    const from = await inTransaction(db, async (tx) => {
      const moved = await transition(tx, 'upload', subjectOf(upload), 'expire');
      await releaseObjects(tx, { kind: 'upload', id });
      return moved.from;
    }).catch((error: unknown) => {
      // Another worker was first.
      if (error instanceof VandaError && error.code === 'illegal-state') return null;
      throw error;
    });
    if (from !== null) expired.push({ ...upload, wasOpen: from === 'open' });
  }
  return expired;
}

/** Locks them, so that nobody gives one of them up meanwhile; refuses what is not there or not complete. */
export async function assertUploadsReady(tx: Tx, projectId: string, ids: string[]): Promise<void> {
  if (new Set(ids).size !== ids.length) {
    throw new VandaError('invalid-request', '/uploads: An upload may be named once only.');
  }
  const rows = await tx.$queryRaw<{ id: string; state: string; filename: string }[]>`
    SELECT id, state, filename FROM uploads
    WHERE id = ANY(${ids}) AND project_id = ${projectId} ORDER BY id FOR UPDATE`;
  const byId = new Map(rows.map((row) => [row.id, row]));
  for (const [index, id] of ids.entries()) {
    const upload = byId.get(id);
    const pointer = `/uploads/${index}`;
    if (upload === undefined) {
      const message = `There is no upload ${id.slice(0, 64)}.`;
      throw new VandaError('not-found', message, [{ pointer, message }]);
    }
    if (upload.state !== 'completed') {
      const message = `The upload ${id} is ${upload.state}: only a completed one can be pushed.`;
      throw new VandaError('upload-incomplete', message, [{ pointer, message }]);
    }
  }
}

/** The bytes of uploads are of no use once they are a version, unless somebody else still reads them. */
export async function giveUpUploads(
  tx: Tx,
  reader: { projectId: string; uploads: { id: string; filename: string; objectKey: string }[] },
  reason: string,
): Promise<string[]> {
  const keys: string[] = [];
  for (const upload of reader.uploads) {
    const rows = await tx.$queryRaw<{ state: string }[]>`
      SELECT state FROM uploads WHERE id = ${upload.id} FOR UPDATE`;
    if (rows[0]?.state !== 'completed' || (await readerOf(tx, upload.id)) !== null) continue;
    await transition(
      tx,
      'upload',
      subjectOf({ ...upload, projectId: reader.projectId }),
      'expire',
      reason,
    );
    await releaseObjects(tx, { kind: 'upload', id: upload.id });
    keys.push(upload.objectKey);
  }
  return keys;
}

/** Who reads an upload and has not ended yet, as a sentence names it. */
async function readerOf(tx: Tx, uploadId: string): Promise<string | null> {
  const open = { uploads: { some: { uploadId } }, state: { in: ['queued', 'running'] } };
  const include = { dataset: { select: { name: true } } };
  const ingest = await tx.ingest.findFirst({ where: open, include });
  if (ingest) return `push ${ingest.id} to ${ingest.dataset.name}`;
  const taken = await tx.import.findFirst({ where: open });
  return taken && `import ${taken.id} to ${taken.name}`;
}
