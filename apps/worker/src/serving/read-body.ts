import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { createGunzip, createInflate } from 'node:zlib';
import { invalidArgument, TfsError } from './tfs-error.ts';

/** Of a request's body, also when it was inflated. */
export const bodyBytesMax = 32 * 1024 ** 2;

/** What is left of a refused body is read and thrown away for this long, so that its sender sees the answer. */
const discardMs = 20_000;

function tooLarge(request: IncomingMessage): TfsError {
  discard(request);
  return new TfsError(
    413,
    `The body is too large: at most ${bodyBytesMax / 1024 ** 2} MB are taken. Send fewer instances in one request.`,
    { connection: 'close' },
  );
}

/** Nothing is kept of it. Most HTTP clients only read an answer once they have sent everything. */
function discard(request: IncomingMessage): void {
  request.removeAllListeners('data');
  request.unpipe();
  request.resume();
  const timer = setTimeout(() => request.destroy(), discardMs).unref();
  request.once('close', () => clearTimeout(timer));
}

/** @throws TfsError 413 as soon as the limit is known to be passed; never holds more than the limit. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > bodyBytesMax) throw tooLarge(request);
  const chunks: Buffer[] = [];
  let size = 0;
  const stream = inflated(request);
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      chunks.length = 0;
      stream.removeAllListeners('data');
      reject(error);
    };
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > bodyBytesMax) fail(tooLarge(request));
      else chunks.push(chunk);
    });
    stream.on('end', () => resolve(Buffer.concat(chunks)));
    stream.on('error', () => {
      discard(request);
      fail(invalidArgument('The body is not what its Content-Encoding says, or was cut off.'));
    });
    request.on('error', fail);
    request.on('aborted', () => fail(invalidArgument('The body was cut off.')));
  });
}

function inflated(request: IncomingMessage): Readable {
  const encoding = request.headers['content-encoding']?.toLowerCase() ?? 'identity';
  if (encoding === 'identity' || encoding === '') return request;
  if (encoding === 'gzip' || encoding === 'x-gzip') return request.pipe(createGunzip());
  if (encoding === 'deflate') return request.pipe(createInflate());
  discard(request);
  throw new TfsError(
    415,
    `Content-Encoding ${JSON.stringify(encoding.slice(0, 40))} is not known: use gzip, deflate or none.`,
  );
}
