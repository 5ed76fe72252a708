import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { assertPartNumbers, assertPartRequest } from '../checks.ts';
import { disposition } from '../disposition.ts';
import { downloadToFile } from '../download.ts';
import { assertObjectKey } from '../key-layout.ts';
import { ObjectStoreError } from '../object-store-error.ts';
import type {
  ArrivedPart,
  BrowserAccess,
  ByteRange,
  CompletedUpload,
  MultipartOptions,
  ObjectBody,
  ObjectHead,
  ObjectStore,
  PartRequest,
  PutOptions,
  ReapOptions,
  SignedPart,
  StoredObject,
} from '../port.ts';
import { putInParts } from './put-in-parts.ts';
import { isMissing, makeClient, type S3Options, translated } from './s3-client.ts';
import { allowOrigin } from './s3-cors.ts';
import { abandonedUploads, arrivedParts, completeUpload } from './s3-multipart.ts';

/** Any S3 that speaks signature version 4. */
export class S3ObjectStore implements ObjectStore {
  readonly driver = 's3';
  readonly #bucket: string;
  readonly #client: S3Client;
  readonly #signer: S3Client;

  constructor(options: S3Options) {
    this.#bucket = options.bucket;
    this.#client = makeClient(options, options.endpoint);
    // Clients may reach the store under another name than the servers do.
    this.#signer = makeClient(options, options.publicEndpoint ?? options.endpoint);
  }

  async prepare(): Promise<void> {
    await this.#do('open the bucket', () =>
      this.#client.send(new HeadBucketCommand({ Bucket: this.#bucket })),
    );
  }

  put(
    key: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    options: PutOptions = {},
  ): Promise<StoredObject> {
    assertObjectKey(key);
    return this.#do(`put ${key}`, () => putInParts(this.#client, this.#bucket, key, body, options));
  }

  putFile(key: string, path: string, options: PutOptions = {}): Promise<StoredObject> {
    return this.put(key, createReadStream(path, { highWaterMark: 1024 ** 2 }), options);
  }

  async get(key: string, range?: ByteRange): Promise<ObjectBody> {
    assertObjectKey(key);
    return this.#do(`get ${key}`, async () => {
      const answer = await this.#client.send(
        new GetObjectCommand({
          ...this.#at(key),
          Range: range && `bytes=${range.start}-${range.end ?? ''}`,
        }),
      );
      const stream = answer.Body as Readable;
      const length = answer.ContentLength ?? 0;
      const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(answer.ContentRange ?? '');
      if (!match) return { stream, size: length, range: { start: 0, end: length - 1 } };
      return {
        stream,
        size: Number(match[3]),
        range: { start: Number(match[1]), end: Number(match[2]) },
      };
    });
  }

  getFile(key: string, path: string, options: { signal?: AbortSignal } = {}) {
    return downloadToFile(this, key, path, options.signal);
  }

  async head(key: string): Promise<ObjectHead | undefined> {
    assertObjectKey(key);
    return this.#do(`head ${key}`, async () => {
      try {
        const answer = await this.#client.send(new HeadObjectCommand(this.#at(key)));
        return {
          key,
          size: answer.ContentLength ?? 0,
          modifiedAt: answer.LastModified ?? new Date(0),
        };
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    });
  }

  async delete(key: string): Promise<boolean> {
    if ((await this.head(key)) === undefined) return false;
    await this.#do(`delete ${key}`, () =>
      this.#client.send(new DeleteObjectCommand(this.#at(key))),
    );
    return true;
  }

  async *list(prefix: string): AsyncIterable<ObjectHead> {
    let after: string | undefined;
    do {
      const page = await this.#do(`list ${prefix}`, () =>
        this.#client.send(
          new ListObjectsV2Command({
            Bucket: this.#bucket,
            Prefix: prefix,
            ContinuationToken: after,
          }),
        ),
      );
      for (const item of page.Contents ?? []) {
        yield {
          key: item.Key ?? '',
          size: item.Size ?? 0,
          modifiedAt: item.LastModified ?? new Date(0),
        };
      }
      after = page.NextContinuationToken;
    } while (after !== undefined);
  }

  async createMultipart(
    key: string,
    options: MultipartOptions = {},
  ): Promise<{ multipartId: string }> {
    assertObjectKey(key);
    const answer = await this.#do(`begin the upload of ${key}`, () =>
      this.#client.send(
        new CreateMultipartUploadCommand({
          ...this.#at(key),
          ContentType: options.contentType,
          ...(options.partChecksums && { ChecksumAlgorithm: 'SHA256' as const }),
        }),
      ),
    );
    return { multipartId: answer.UploadId ?? '' };
  }

  async signParts(
    key: string,
    multipartId: string,
    parts: readonly PartRequest[],
    expiresInS: number,
  ): Promise<SignedPart[]> {
    assertObjectKey(key);
    for (const part of parts) assertPartRequest(part);
    const expiresAt = new Date(Date.now() + expiresInS * 1000);
    return Promise.all(
      parts.map(async ({ number, size, sha256 }) => {
        const checksum = sha256 && Buffer.from(sha256, 'hex').toString('base64');
        const url = await getSignedUrl(
          this.#signer,
          new UploadPartCommand({
            ...this.#at(key),
            UploadId: multipartId,
            PartNumber: number,
            ContentLength: size,
            ChecksumSHA256: checksum,
          }),
          {
            expiresIn: expiresInS,
            // Signing the length makes the store refuse a body that is longer or shorter.
            signableHeaders: new Set(['host', 'content-length']),
            unhoistableHeaders: new Set(['x-amz-checksum-sha256']),
          },
        );
        const headers: Record<string, string> = checksum
          ? { 'x-amz-checksum-sha256': checksum }
          : {};
        return { number, url, headers, expiresAt };
      }),
    );
  }

  listParts(key: string, multipartId: string): Promise<ArrivedPart[]> {
    return this.#do(`list the parts of ${key}`, async () => {
      const parts = await arrivedParts(this.#client, this.#bucket, key, multipartId);
      return parts.map(({ number, size, etag }) => ({ number, size, etag }));
    });
  }

  async completeMultipart(
    key: string,
    multipartId: string,
    parts: readonly { number: number; etag: string }[],
  ): Promise<CompletedUpload> {
    assertPartNumbers(parts);
    try {
      return await this.#do(`complete the upload of ${key}`, () =>
        completeUpload(this.#client, this.#bucket, key, multipartId, parts),
      );
    } catch (error) {
      const gone = error instanceof ObjectStoreError && error.reason === 'multipart-not-found';
      const head = gone && (await this.head(key));
      if (head) return { key, size: head.size };
      throw error;
    }
  }

  async abortMultipart(key: string, multipartId: string): Promise<void> {
    await this.#do(`abort the upload of ${key}`, async () => {
      try {
        await this.#client.send(
          new AbortMultipartUploadCommand({ ...this.#at(key), UploadId: multipartId }),
        );
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    });
  }

  async signGet(
    key: string,
    options: { expiresInS: number; filename?: string; contentType?: string },
  ): Promise<string> {
    assertObjectKey(key);
    const command = new GetObjectCommand({
      ...this.#at(key),
      ResponseContentDisposition: disposition(options.filename),
      ResponseContentType: options.contentType,
    });
    return getSignedUrl(this.#signer, command, { expiresIn: options.expiresInS });
  }

  allowBrowsers(origin: string): Promise<BrowserAccess> {
    return allowOrigin(this.#client, this.#bucket, origin);
  }

  async reap(options: ReapOptions): Promise<{ temps: number; multiparts: number }> {
    const before = new Date(Date.now() - options.multipartOlderThanMs);
    const stale = await this.#do('list the multipart uploads', () =>
      abandonedUploads(this.#client, this.#bucket, before),
    );
    for (const { key, multipartId } of stale) await this.abortMultipart(key, multipartId);
    return { temps: 0, multiparts: stale.length };
  }

  async close(): Promise<void> {
    this.#client.destroy();
    this.#signer.destroy();
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: key };
  }

  async #do<T>(what: string, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      throw translated(error, what);
    }
  }
}
