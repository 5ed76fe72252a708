import { S3Client } from '@aws-sdk/client-s3';
import { ObjectStoreError, type ObjectStoreReason } from '../object-store-error.ts';

export type S3Options = {
  bucket: string;
  endpoint?: string;
  publicEndpoint?: string;
  region: string;
  pathStyle: boolean;
  credentials?: { accessKeyId: string; secretAccessKey: string };
};

export function makeClient(options: S3Options, endpoint: string | undefined): S3Client {
  return new S3Client({
    endpoint,
    region: options.region,
    forcePathStyle: options.pathStyle,
    credentials: options.credentials,
    maxAttempts: 4,
    // Checksums are ours and SHA-256; the SDK's own would end up inside signed URLs, where a
    // checksum of nothing makes the store refuse the part.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: 5_000,
      // `requestTimeout` alone never fires; without these a silent server hangs a call for ever.
      requestTimeout: 120_000,
      throwOnRequestTimeout: true,
      socketTimeout: 120_000,
    },
  });
}

type SdkError = {
  name?: string;
  Code?: string;
  code?: string;
  message?: string;
  $metadata?: { httpStatusCode?: number };
};

const reasonOf: Record<string, ObjectStoreReason> = {
  NoSuchKey: 'object-not-found',
  NotFound: 'object-not-found',
  NoSuchUpload: 'multipart-not-found',
  InvalidRange: 'range-not-satisfiable',
  BadDigest: 'checksum-mismatch',
  InvalidDigest: 'checksum-mismatch',
  XAmzContentSHA256Mismatch: 'checksum-mismatch',
  InvalidPart: 'part-invalid',
  InvalidPartOrder: 'part-invalid',
  EntityTooSmall: 'part-invalid',
  NoSuchBucket: 'store-misconfigured',
  InvalidAccessKeyId: 'store-misconfigured',
  SignatureDoesNotMatch: 'store-misconfigured',
  AccessDenied: 'store-misconfigured',
  InsufficientStorage: 'store-full',
};

export function isMissing(error: unknown): boolean {
  const { name, $metadata } = error as SdkError;
  return name === 'NotFound' || name === 'NoSuchKey' || $metadata?.httpStatusCode === 404;
}

/** The SDK's errors as ours; an error that is already ours, or a programming error, stays itself. */
export function translated(error: unknown, what: string): unknown {
  if (error instanceof ObjectStoreError || !(error instanceof Error)) return error;
  const { name, Code, code, $metadata, message } = error as SdkError;
  if (name === 'AbortError') return error;
  const known = reasonOf[name ?? ''] ?? reasonOf[Code ?? ''];
  const network = typeof code === 'string' || name === 'TimeoutError';
  if (known === undefined && $metadata === undefined && !network) return error;
  return new ObjectStoreError(
    known ?? 'store-unavailable',
    `The object store could not ${what}: ${message || name || code}.`,
    { cause: error },
  );
}
