import { type Upload, VandaError } from '@vanda/contracts';
import {
  type ArrivedPart,
  isObjectStoreError,
  keyLayout,
  multipartLimits,
  type ObjectStore,
} from '@vanda/objects';
import {
  abortUpload,
  createUpload,
  findUpload,
  inTransaction,
  markUploadCompleted,
  newId,
  type UploadRow,
} from '@vanda/records';
import type { Deps } from '../deps.ts';
import { freeKeys } from '../free-keys.ts';
import { found } from '../http/found.ts';
import type { Handlers } from '../http/handler.ts';

const signedForS = 60 * 60;
/** An upload that nobody completes, or that no push takes, is given up after this time. */
const lifetimeMs = 48 * 60 * 60 * 1000;
/** How many part URLs an answer has; `:sign` gives others. */
const partsAtOnce = 100;
const mebibyte = 1024 ** 2;

export const uploadHandlers: Pick<
  Handlers,
  'createUpload' | 'getUpload' | 'signUpload' | 'completeUpload' | 'abortUpload'
> = {
  async createUpload({ actor, body, deps, once }) {
    const { objects, config } = deps;
    const id = newId('upl');
    const objectKey = keyLayout.upload(id);
    const partBytes = partBytesFor(body.size, config.limits.uploadPartBytes);
    const { multipartId } = await objects.createMultipart(objectKey, {
      contentType: body.contentType,
    });
    try {
      return await once(async (tx) => {
        const row = await createUpload(tx, {
          id,
          projectId: actor.projectId,
          filename: body.filename,
          contentType: body.contentType,
          bytes: BigInt(body.size),
          sha256: body.sha256 ?? null,
          partBytes: BigInt(partBytes),
          storeUploadId: multipartId,
          objectKey,
          expiresAt: new Date(Date.now() + lifetimeMs),
        });
        return present(row, objects, [], firstParts(row, []));
      });
    } catch (error) {
      await objects.abortMultipart(objectKey, multipartId).catch(() => {});
      throw error;
    }
  },

  async getUpload({ actor, params, deps }) {
    const row = found(await findUpload(deps.db, actor.projectId, params.id), `upload ${params.id}`);
    const arrived = await arrivedParts(row, deps.objects);
    return present(row, deps.objects, arrived, firstParts(row, arrived));
  },

  async signUpload({ actor, params, body, deps }) {
    const row = found(await findUpload(deps.db, actor.projectId, params.id), `upload ${params.id}`);
    requireOpen(row);
    const count = partCount(row);
    const beyond = body.parts.find((number) => number > count);
    if (beyond !== undefined) {
      const message = `There is no part ${beyond}: this upload has ${count} ${count === 1 ? 'part' : 'parts'}.`;
      throw new VandaError('invalid-request', message, [{ pointer: '/parts', message }]);
    }
    return present(row, deps.objects, await arrivedParts(row, deps.objects), body.parts);
  },

  async completeUpload({ actor, params, body, deps }) {
    const row = found(await findUpload(deps.db, actor.projectId, params.id), `upload ${params.id}`);
    const sha256 = agreedHash(row, body.sha256);
    if (row.state === 'completed') return present(row, deps.objects, [], []);
    requireOpen(row);
    await complete(row, deps, body.parts);
    return present(await markUploadCompleted(deps.db, row, sha256), deps.objects, [], []);
  },

  async abortUpload({ actor, params, deps }) {
    const { db, objects } = deps;
    const row = found(await findUpload(db, actor.projectId, params.id), `upload ${params.id}`);
    const arrived = await arrivedParts(row, objects);
    const outcome = await inTransaction(db, (tx) => abortUpload(tx, row));
    if (!outcome.aborted) return { object: 'deleted', id: row.id, freedBytes: 0 };
    if (row.state === 'open') await objects.abortMultipart(row.objectKey, row.storeUploadId);
    await freeKeys(deps, outcome.keys);
    const whole = await objects.head(row.objectKey);
    if (whole !== undefined) await objects.delete(row.objectKey);
    const parts = arrived.reduce((sum, part) => sum + part.size, 0);
    const bytes = row.state === 'open' ? parts : Math.max(outcome.freedBytes, whole?.size ?? 0);
    return { object: 'deleted', id: row.id, freedBytes: bytes };
  },
};

/** Parts as large as asked for, larger only where 10,000 of them would not hold the file. */
function partBytesFor(size: number, wanted: number): number {
  const needed = Math.ceil(size / multipartLimits.partNumberMax / mebibyte) * mebibyte;
  return Math.max(multipartLimits.partBytesMin, wanted, needed);
}

function partCount(row: UploadRow): number {
  return Math.max(1, Math.ceil(Number(row.bytes) / Number(row.partBytes)));
}

function sizeOfPart(row: UploadRow, number: number): number {
  const begin = (number - 1) * Number(row.partBytes);
  return Math.min(Number(row.partBytes), Number(row.bytes) - begin);
}

/** The first parts that have not arrived as they should. */
function firstParts(row: UploadRow, arrived: ArrivedPart[]): number[] {
  if (row.state !== 'open') return [];
  const there = new Set(
    arrived.filter((part) => part.size === sizeOfPart(row, part.number)).map((part) => part.number),
  );
  const missing: number[] = [];
  for (let number = 1; number <= partCount(row) && missing.length < partsAtOnce; number++) {
    if (!there.has(number)) missing.push(number);
  }
  return missing;
}

async function arrivedParts(row: UploadRow, objects: ObjectStore): Promise<ArrivedPart[]> {
  if (row.state !== 'open') return [];
  try {
    return await objects.listParts(row.objectKey, row.storeUploadId);
  } catch (error) {
    if (isObjectStoreError(error, 'multipart-not-found')) return [];
    throw error;
  }
}

function requireOpen(row: UploadRow): void {
  if (row.state === 'open') return;
  throw new VandaError('illegal-state', `The upload ${row.id} is ${row.state}: begin another one.`);
}

function agreedHash(row: UploadRow, given: string | undefined): string | null {
  if (given !== undefined && row.sha256 !== null && given !== row.sha256) {
    throw new VandaError(
      'checksum-mismatch',
      `The upload was announced with the SHA-256 ${row.sha256}, not ${given}.`,
    );
  }
  return given ?? row.sha256;
}

/** Puts the parts together in the store. A process that died after that, before its row was written, comes here again. */
async function complete(
  row: UploadRow,
  deps: Deps,
  named: { number: number; etag: string }[] | undefined,
): Promise<void> {
  const { objects } = deps;
  const arrived = await arrivedParts(row, objects);
  if (arrived.length === 0) {
    const whole = await objects.head(row.objectKey);
    if (whole?.size === Number(row.bytes)) return;
  }
  const byNumber = new Map(arrived.map((part) => [part.number, part]));
  const etags = new Map(named?.map((part) => [part.number, part.etag]));
  const parts: { number: number; etag: string }[] = [];
  for (let number = 1; number <= partCount(row); number++) {
    const part = byNumber.get(number);
    const size = sizeOfPart(row, number);
    if (part === undefined || part.size !== size) {
      throw new VandaError(
        'upload-incomplete',
        part === undefined
          ? `Part ${number} of ${partCount(row)} has not arrived: PUT its ${size} bytes, then complete again.`
          : `Part ${number} has ${part.size} bytes instead of ${size}: PUT it again.`,
      );
    }
    const etag = etags.get(number);
    if (etag !== undefined && bare(etag) !== bare(part.etag)) {
      throw new VandaError(
        'checksum-mismatch',
        `Part ${number} was named with the ETag ${etag}, but the one that arrived has ${part.etag}.`,
      );
    }
    parts.push({ number, etag: part.etag });
  }
  await objects.completeMultipart(row.objectKey, row.storeUploadId, parts);
}

function bare(etag: string): string {
  return etag.replaceAll('"', '');
}

async function present(
  row: UploadRow,
  objects: ObjectStore,
  arrived: ArrivedPart[],
  parts: number[],
): Promise<Upload> {
  const signed =
    parts.length === 0
      ? []
      : await objects.signParts(
          row.objectKey,
          row.storeUploadId,
          parts.map((number) => ({ number, size: sizeOfPart(row, number) })),
          signedForS,
        );
  return {
    object: 'upload',
    uploadId: row.id,
    state: row.state as Upload['state'],
    filename: row.filename,
    size: Number(row.bytes),
    partSize: Number(row.partBytes),
    parts: signed.map(({ number, url }) => ({ number, url })),
    received: arrived.map(({ number, size, etag }) => ({ number, size, etag })),
    expiresAt: row.expiresAt.toISOString(),
  };
}
