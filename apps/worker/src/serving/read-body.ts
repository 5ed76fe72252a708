import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { createGunzip, createInflate } from 'node:zlib';
import { invalidArgument, TfsError, unavailable } from './tfs-error.ts';

/** Of a request's body, also when it was inflated. */
const bodyBytesMax = 32 * 1024 ** 2;

/** Of all bodies that are held at the same time: many large ones at once must not fill the memory. */
const heldBytesMax = 512 * 1024 ** 2;

/** What is left of a refused body is read and thrown away for this long, so that its sender sees the answer. */
const discardMs = 20_000;

function tooLarge(request: IncomingMessage): TfsError {
  discard(request);
  return new TfsError(
    413,
    `The body is too large: at most ${bodyBytesMax / 1024 ** 2} MB are taken. Send fewer instances in one request.`,
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

/** Reads bodies and knows how much of them is held. */
export class BodyReader {
  private held = 0;

  /**
   * Hands the body to `work` and counts it as held until that is done.
   *
   * @throws TfsError 413 as soon as the limit is known to be passed, 503 where too much is held already.
   */
  async use<T>(request: IncomingMessage, work: (body: Buffer) => Promise<T>): Promise<T> {
    let mine = 0;
    const hold = (bytes: number) => {
      mine += bytes;
      this.held += bytes;
      if (mine > bodyBytesMax) throw tooLarge(request);
      if (this.held <= heldBytesMax) return;
      discard(request);
      throw unavailable('Too many large requests at once. Try again in a moment.');
    };
    try {
      return await work(await readBody(request, hold));
    } finally {
      this.held -= mine;
    }
  }
}

async function readBody(request: IncomingMessage, hold: (bytes: number) => void): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > bodyBytesMax) throw tooLarge(request);
  const chunks: Buffer[] = [];
  const stream = inflated(request);
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      chunks.length = 0;
      stream.removeAllListeners('data');
      reject(error);
    };
    stream.on('data', (chunk: Buffer) => {
      try {
        hold(chunk.length);
        chunks.push(chunk);
      } catch (error) {
        fail(error);
      }
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
