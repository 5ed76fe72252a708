import { createHash } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { assertMatches } from '../checks.ts';
import type { PutOptions, StoredObject } from '../port.ts';

/** 10,000 parts of it are 160 GB, and one in memory is little. */
const partBytes = 16 * 1024 ** 2;

/**
 * A stream of unknown length in flat memory: one part is held and, where the stream ends within
 * it, sent as a plain object. Nothing appears under the key before all of it was checked.
 */
export async function putInParts(
  client: S3Client,
  bucket: string,
  key: string,
  body: Uint8Array | AsyncIterable<Uint8Array>,
  options: PutOptions,
): Promise<StoredObject> {
  const at = { Bucket: bucket, Key: key };
  const abort = { abortSignal: options.signal };
  const whole = createHash('sha256');
  let size = 0;
  let uploadId: string | undefined;
  const parts: { PartNumber: number; ETag?: string; ChecksumSHA256: string }[] = [];
  try {
    for await (const { bytes, last } of inParts(body)) {
      options.signal?.throwIfAborted();
      whole.update(bytes);
      size += bytes.byteLength;
      const checksum = createHash('sha256').update(bytes).digest('base64');
      const content = { Body: bytes, ContentLength: bytes.byteLength, ChecksumSHA256: checksum };
      const stored = { key, size, sha256: last ? whole.digest('hex') : '' };
      if (last) assertMatches(key, stored, options);
      if (last && uploadId === undefined) {
        const command = { ...at, ...content, ContentType: options.contentType };
        await client.send(new PutObjectCommand(command), abort);
        return stored;
      }
      uploadId ??= await begin(client, at, options);
      const PartNumber = parts.length + 1;
      const command = { ...at, ...content, UploadId: uploadId, PartNumber };
      const { ETag } = await client.send(new UploadPartCommand(command), abort);
      parts.push({ PartNumber, ETag, ChecksumSHA256: checksum });
      if (!last) continue;
      const complete = { ...at, UploadId: uploadId, MultipartUpload: { Parts: parts } };
      await client.send(new CompleteMultipartUploadCommand(complete), abort);
      return stored;
    }
    throw new Error('unreachable: the last part always returns');
  } catch (error) {
    if (uploadId !== undefined) {
      // Best effort: the reaper ends what even this cannot.
      const command = new AbortMultipartUploadCommand({ ...at, UploadId: uploadId });
      await client.send(command).catch(() => {});
    }
    throw error;
  }
}

async function begin(
  client: S3Client,
  at: { Bucket: string; Key: string },
  options: PutOptions,
): Promise<string> {
  const answer = await client.send(
    new CreateMultipartUploadCommand({
      ...at,
      ContentType: options.contentType,
      ChecksumAlgorithm: 'SHA256',
    }),
    { abortSignal: options.signal },
  );
  return answer.UploadId ?? '';
}

/** Pieces of `partBytes`, the last one shorter; an empty body is one empty last piece. */
async function* inParts(
  body: Uint8Array | AsyncIterable<Uint8Array>,
): AsyncIterable<{ bytes: Uint8Array; last: boolean }> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  for await (const chunk of body instanceof Uint8Array ? [body] : body) {
    let rest = chunk;
    while (heldBytes + rest.byteLength > partBytes) {
      const room = partBytes - heldBytes;
      held.push(rest.subarray(0, room));
      yield { bytes: Buffer.concat(held), last: false };
      rest = rest.subarray(room);
      held = [];
      heldBytes = 0;
    }
    held.push(rest);
    heldBytes += rest.byteLength;
  }
  yield { bytes: Buffer.concat(held), last: true };
}
