import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { toProblem, VandaError } from '@vanda/contracts';
import { disposition } from '../disposition.ts';
import {
  isObjectStoreError,
  ObjectStoreError,
  type ObjectStoreReason,
} from '../object-store-error.ts';
import type { ByteRange } from '../port.ts';
import type { DiskObjectStore } from './disk-store.ts';
import { type Grant, objectRoutePrefix, verifyGrant } from './signature.ts';

const idleTimeoutMs = 60_000;
const discardBytesMax = 8 * 1024 ** 2;

/** Where S3 answers another status than the contract's code would. */
const statusOf: Partial<Record<ObjectStoreReason, number>> = {
  'range-not-satisfiable': 416,
  'checksum-mismatch': 400,
  'size-mismatch': 400,
  'part-invalid': 400,
  'key-invalid': 404,
  'store-full': 507,
};

/**
 * What S3 does behind a signed URL, for the disk driver: PUT of a part, GET and HEAD of an object.
 * Mount it on `/objects/*` with the raw, unparsed request. Bytes flow through with backpressure;
 * the proof is in the URL alone, so neither cookies nor keys are looked at, and any origin may call.
 */
export function diskObjectRoutes(
  store: DiskObjectStore,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    // A body that stops arriving must not hold its socket and file for ever.
    request.setTimeout(idleTimeoutMs, () => request.destroy());
    openToAllOrigins(request, response);
    try {
      if (request.method === 'OPTIONS') return void response.writeHead(204).end();
      await serve(store, request, response);
    } catch (error) {
      await discard(request);
      refuse(request, response, error);
    }
  };
}

async function serve(
  store: DiskObjectStore,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const at = url.pathname.indexOf(objectRoutePrefix);
  const key = url.pathname.slice(at + objectRoutePrefix.length);
  const grant = verifyGrant(key, url.searchParams, store.secret);
  if (grant.op === 'part' && request.method === 'PUT') {
    return putPart(store, grant, request, response);
  }
  if (grant.op === 'get' && (request.method === 'GET' || request.method === 'HEAD')) {
    return getObject(store, grant, request, response);
  }
  throw new ObjectStoreError(
    'signature-invalid',
    `This URL was signed for ${grant.op === 'part' ? 'PUT' : 'GET'}, not for ${request.method}.`,
  );
}

async function putPart(
  store: DiskObjectStore,
  grant: Extract<Grant, { op: 'part' }>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const declared = request.headers['content-length'];
  if (declared !== undefined && Number(declared) !== grant.size) {
    throw new ObjectStoreError(
      'size-mismatch',
      `This URL takes exactly ${grant.size} bytes; the request declares ${declared}.`,
    );
  }
  const part = await store.multipart.putPart(
    grant.key,
    grant.multipartId,
    {
      ...grant,
      sha256: grant.sha256 ?? headerDigest(request, 'x-amz-checksum-sha256'),
      md5: headerDigest(request, 'content-md5'),
    },
    // A refusal in the middle of the body must leave the socket open for its sentence.
    request.iterator({ destroyOnReturn: false }),
  );
  response.writeHead(200, { ETag: part.etag, 'Content-Length': 0 }).end();
}

/** S3 sends checksums as base64 of the raw digest. */
function headerDigest(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? Buffer.from(value, 'base64').toString('hex') : undefined;
}

async function getObject(
  store: DiskObjectStore,
  grant: Extract<Grant, { op: 'get' }>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const head = await store.head(grant.key);
  if (head === undefined) {
    throw new ObjectStoreError('object-not-found', 'The object of this URL is no longer there.');
  }
  const etag = `"${head.size.toString(16)}-${Math.trunc(head.modifiedAt.getTime()).toString(16)}"`;
  const condition = request.headers['if-range'];
  const range =
    condition === undefined || condition === etag
      ? parseRange(request.headers.range, head.size)
      : undefined;
  const body = await store.get(grant.key, range);
  const length = body.range.end - body.range.start + 1;
  response.writeHead(range === undefined ? 200 : 206, {
    'Content-Type': grant.contentType ?? 'application/octet-stream',
    'Content-Length': length,
    'Content-Disposition': disposition(grant.filename),
    'Accept-Ranges': 'bytes',
    ETag: etag,
    'Last-Modified': head.modifiedAt.toUTCString(),
    'Cache-Control': 'private, max-age=300',
    ...(range && { 'Content-Range': `bytes ${body.range.start}-${body.range.end}/${head.size}` }),
    // The bytes are a user's, on the origin of the dashboard: a browser must never run them.
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': "default-src 'none'; sandbox",
  });
  if (request.method === 'HEAD') {
    body.stream.destroy();
    response.end();
    return;
  }
  await pipeline(body.stream, response);
}

/** One range of bytes; several, or another unit, are answered with the whole, as RFC 9110 allows. */
function parseRange(header: string | undefined, size: number): ByteRange | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  if (match[1] === '') return { start: Math.max(0, size - Number(match[2])), end: size - 1 };
  const start = Number(match[1]);
  if (match[2] === '') return { start, end: size - 1 };
  return { start, end: Number(match[2]) };
}

/** The page may be open as localhost while the URL says 127.0.0.1, which is another origin. */
function openToAllOrigins(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('Access-Control-Allow-Origin', '*');
  response.setHeader('Access-Control-Expose-Headers', 'ETag, Content-Range, Accept-Ranges');
  if (request.method !== 'OPTIONS') return;
  response.setHeader('Access-Control-Allow-Methods', 'GET, HEAD, PUT');
  response.setHeader(
    'Access-Control-Allow-Headers',
    'content-type, content-md5, range, if-range, x-amz-checksum-sha256',
  );
  response.setHeader('Access-Control-Max-Age', '3600');
}

/**
 * Reads some of what a refused client still sends: closing a socket with unread bytes resets the
 * connection, and the client would see that instead of the sentence.
 */
async function discard(request: IncomingMessage): Promise<void> {
  let left = discardBytesMax;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      left -= chunk.byteLength;
      if (left < 0) return;
    }
  } catch {
    // The client hung up: nobody is left to read the sentence.
  }
}

function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  const known = isObjectStoreError(error) ? error : undefined;
  const status = known ? (statusOf[known.reason] ?? known.status) : 500;
  if (response.headersSent || response.destroyed || request.socket.destroyed) {
    response.destroy();
    return;
  }
  const shown =
    known ?? new VandaError('internal', 'The object store could not do this.', undefined);
  const body = JSON.stringify({ ...toProblem(shown), status });
  // What is left of a refused body is not read: the connection ends with the answer.
  response.writeHead(status, {
    'Content-Type': 'application/problem+json',
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
  });
  response.end(body);
}
