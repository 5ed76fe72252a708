import type { Readable } from 'node:stream';

/** One stored object as a listing or a HEAD shows it. */
export type ObjectHead = { key: string; size: number; modifiedAt: Date };

/** What is known once bytes are stored: the caller writes its row only after it has this. */
export type StoredObject = { key: string; size: number; sha256: string };

/** Inclusive byte offsets, as in an HTTP Range; no `end` means up to the last byte. */
export type ByteRange = { start: number; end?: number };

export type ObjectBody = { stream: Readable; size: number; range: { start: number; end: number } };

export type PutOptions = {
  /** Refused with `checksum-mismatch`, and nothing is stored, when the bytes differ. Hex. */
  sha256?: string;
  /** Refused with `size-mismatch`, and nothing is stored, when the count differs. */
  size?: number;
  contentType?: string;
  signal?: AbortSignal;
};

/** A part that a client may send: exactly `size` bytes, and that SHA-256 (hex) where it is given. */
export type PartRequest = { number: number; size: number; sha256?: string };

/** The client sends PUT to `url` with `headers` as they are; the answer's ETag names the part. */
export type SignedPart = {
  number: number;
  url: string;
  headers: Record<string, string>;
  expiresAt: Date;
};

/** A part that has arrived. The etag is quoted, as the header carried it. */
export type ArrivedPart = { number: number; size: number; etag: string };

/** `advice` says what to set by hand where the store did not let itself be told. */
export type BrowserAccess = { allowed: true } | { allowed: false; advice: string };

export type CompletedUpload = { key: string; size: number };

export type MultipartOptions = {
  contentType?: string;
  /**
   * True where the SHA-256 of every part is given when its URL is signed. S3 wants to know this
   * when the upload begins, and then demands it of each part.
   */
  partChecksums?: boolean;
};

export type ReapOptions = { tempOlderThanMs: number; multipartOlderThanMs: number };

/**
 * Bytes under server-made keys (see key-layout.ts). Both drivers pass one conformance suite.
 * Every failure that a caller can act on is an ObjectStoreError with a code.
 */
export interface ObjectStore {
  readonly driver: 'disk' | 's3';
  /** Readers see the whole object or the former one, never a part of it. */
  put(
    key: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    options?: PutOptions,
  ): Promise<StoredObject>;
  putFile(key: string, path: string, options?: PutOptions): Promise<StoredObject>;
  /** Throws `object-not-found` or `range-not-satisfiable`. */
  get(key: string, range?: ByteRange): Promise<ObjectBody>;
  /** Resumes by range when the connection is cut; the file at `path` is complete or absent. */
  getFile(key: string, path: string, options?: { signal?: AbortSignal }): Promise<StoredObject>;
  /** Where the bytes lie when the store is a folder of this machine: to be read or linked, never to be written. */
  localPath?(key: string): string;
  head(key: string): Promise<ObjectHead | undefined>;
  /** True where there was something to delete. */
  delete(key: string): Promise<boolean>;
  /** In order of keys. */
  list(prefix: string): AsyncIterable<ObjectHead>;

  createMultipart(key: string, options?: MultipartOptions): Promise<{ multipartId: string }>;
  signParts(
    key: string,
    multipartId: string,
    parts: readonly PartRequest[],
    expiresInS: number,
  ): Promise<SignedPart[]>;
  /** Throws `multipart-not-found` once the upload is completed or aborted. */
  listParts(key: string, multipartId: string): Promise<ArrivedPart[]>;
  /** Idempotent: completing what is complete answers the object again. */
  completeMultipart(
    key: string,
    multipartId: string,
    parts: readonly { number: number; etag: string }[],
  ): Promise<CompletedUpload>;
  /** Idempotent; a part that is on its way does not bring the upload back. */
  abortMultipart(key: string, multipartId: string): Promise<void>;

  /** A URL that downloads the object under that filename, without any other proof. */
  signGet(
    key: string,
    options: { expiresInS: number; filename?: string; contentType?: string },
  ): Promise<string>;

  /** Lets the pages of this origin (`https://host:port`) send parts; only where the store is not the API itself. */
  allowBrowsers?(origin: string): Promise<BrowserAccess>;

  /** Frees what crashes left behind: temporary files and multipart uploads nobody finished. */
  reap(options: ReapOptions): Promise<{ temps: number; multiparts: number }>;
  close(): Promise<void>;
}

/** S3's bounds; the disk driver keeps them too, so that a client written for one fits both. */
export const multipartLimits = {
  partNumberMax: 10_000,
  partBytesMin: 5 * 1024 ** 2,
  partBytesMax: 5 * 1024 ** 3,
} as const;
