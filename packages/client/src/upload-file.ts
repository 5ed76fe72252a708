import { type Upload, VandaError } from '@vanda/contracts';
import { pause } from './back-off.ts';
import { errorFromResponse, unreachable } from './client-error.ts';
import type { Client } from './create-client.ts';
import { type PutPart, usualPutPart } from './put-part.ts';
import type { UploadSource } from './upload-source.ts';

export interface UploadOptions {
  signal?: AbortSignal;
  onProgress?: (progress: { sent: number; size: number }) => void;
  /** The id of an upload that was begun before, with the same bytes: only what is missing is sent. */
  resume?: string;
  /** Called as soon as there is an id to resume by; no byte is sent before what it does is done. */
  onUpload?: (uploadId: string) => void | Promise<void>;
  /** Parts on their way at a time. */
  parallel?: number;
  putPart?: PutPart;
}

const parallelUsual = 3;
const triesMax = 8;
const urlsAtATime = 100;
const partMsMin = 60_000;
/** 64 kB/s. */
const bytesPerMsMin = 64;

/** Sends a file in parts, side by side, each tried again by itself, and completes the upload. */
export async function uploadFile(
  client: Client,
  source: UploadSource,
  options: UploadOptions = {},
): Promise<Upload> {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const hashed = source.sha256?.(signal);
  hashed?.catch(() => {});
  try {
    const upload = await beginOrResume(client, source, options, signal);
    if (upload.state === 'completed') return upload;
    await options.onUpload?.(upload.uploadId);
    const etags = await new Sending(client, source, upload, options, stop, signal).all();
    const parts = [...etags].sort((a, b) => a[0] - b[0]);
    return await client.uploads.complete(
      {
        params: { id: upload.uploadId },
        body: {
          // A store whose ETags this origin may not read still lists its parts to the server.
          ...(parts.every(([, etag]) => etag !== '')
            ? { parts: parts.map(([number, etag]) => ({ number, etag })) }
            : {}),
          sha256: await hashed,
        },
      },
      { signal },
    );
  } finally {
    stop.abort(new Error('The upload has ended.'));
  }
}

async function beginOrResume(
  client: Client,
  source: UploadSource,
  options: UploadOptions,
  signal: AbortSignal,
): Promise<Upload> {
  if (options.resume !== undefined) {
    const before = await client.uploads
      .get({ params: { id: options.resume } }, { signal })
      .catch((error: unknown) => {
        if (error instanceof VandaError && error.code === 'not-found') return undefined;
        throw error;
      });
    const usable = before?.state === 'open' || before?.state === 'completed';
    if (before && usable && before.size === source.size) return before;
  }
  const { name, size, contentType } = source;
  return client.uploads.create(
    { body: { filename: name.slice(-4096), size, ...(contentType ? { contentType } : {}) } },
    { signal },
  );
}

/** The parts of one upload on their way. */
class Sending {
  private readonly urls = new Map<number, string>();
  private readonly etags = new Map<number, string>();
  private readonly sentOf = new Map<number, number>();
  private readonly waiting: number[] = [];
  private readonly putPart: PutPart;
  private readonly client: Client;
  private readonly source: UploadSource;
  private readonly upload: Upload;
  private readonly options: UploadOptions;
  private readonly stop: AbortController;
  private readonly signal: AbortSignal;

  constructor(
    client: Client,
    source: UploadSource,
    upload: Upload,
    options: UploadOptions,
    stop: AbortController,
    signal: AbortSignal,
  ) {
    this.client = client;
    this.source = source;
    this.upload = upload;
    this.options = options;
    this.stop = stop;
    this.signal = signal;
    this.putPart = options.putPart ?? usualPutPart();
    this.keep(upload);
    const count = Math.max(1, Math.ceil(source.size / upload.partSize));
    for (let number = 1; number <= count; number++) {
      const arrived = upload.received.find((part) => part.number === number);
      if (arrived && arrived.size === this.sizeOf(number)) {
        this.etags.set(number, arrived.etag);
        this.sentOf.set(number, arrived.size);
      } else {
        this.waiting.push(number);
      }
    }
  }

  async all(): Promise<Map<number, string>> {
    this.report();
    const worker = async () => {
      for (let number = this.waiting.shift(); number !== undefined; number = this.waiting.shift()) {
        this.etags.set(number, await this.send(number));
      }
    };
    const workers = Array.from({ length: this.options.parallel ?? parallelUsual }, async () => {
      try {
        await worker();
      } catch (error) {
        // The first failure ends the others; its own reason is the one to tell.
        this.stop.abort(error);
        throw error;
      }
    });
    await Promise.allSettled(workers);
    await Promise.all(workers);
    return this.etags;
  }

  private async send(number: number): Promise<string> {
    const start = (number - 1) * this.upload.partSize;
    const bytes = await this.source.read(start, start + this.sizeOf(number));
    const headers: Record<string, string> = {};
    if (this.source.md5 && bytes instanceof Uint8Array) {
      headers['content-md5'] = this.source.md5(bytes);
    }
    for (let tried = 0; ; tried++) {
      const last = tried + 1 >= triesMax;
      const url = await this.urlOf(number);
      try {
        const onSent = (sent: number) => this.sent(number, sent);
        // A server that falls silent must not hold the part for ever; slow lines get their time.
        const partMs = partMsMin + Math.ceil(this.sizeOf(number) / bytesPerMsMin);
        const patience = AbortSignal.timeout(partMs);
        const signal = AbortSignal.any([this.signal, patience]);
        const answer = await this.putPart(url, bytes, { headers, signal, onSent });
        if (answer.status < 300) {
          this.sent(number, this.sizeOf(number));
          return answer.etag ?? '';
        }
        const error = await errorFromResponse(new Response(answer.text, { status: answer.status }));
        // 403 is a URL that has run out. The rest of the 4xx says the same however often it is asked.
        const mayPass = answer.status >= 500 || [403, 408, 429].includes(answer.status);
        if (!mayPass || answer.status === 507 || last) throw error;
        if (answer.status === 403) this.urls.delete(number);
      } catch (error) {
        this.signal.throwIfAborted();
        if (error instanceof VandaError) throw error;
        if (last) throw unreachable(new URL(url, 'http://localhost').origin, error);
      }
      this.sent(number, 0);
      await pause(tried, this.signal);
    }
  }

  private async urlOf(number: number): Promise<string> {
    const known = this.urls.get(number);
    if (known !== undefined) return known;
    const next = this.waiting.filter((other) => !this.urls.has(other)).slice(0, urlsAtATime - 1);
    this.keep(
      await this.client.uploads.sign(
        { params: { id: this.upload.uploadId }, body: { parts: [number, ...next] } },
        { signal: this.signal },
      ),
    );
    const url = this.urls.get(number);
    if (url === undefined) {
      throw new VandaError('internal', `The server gave no address for part ${number}.`);
    }
    return url;
  }

  private keep(upload: Upload): void {
    for (const part of upload.parts) this.urls.set(part.number, part.url);
  }

  private sizeOf(number: number): number {
    const { partSize } = this.upload;
    return Math.min(partSize, Math.max(0, this.source.size - (number - 1) * partSize));
  }

  private sent(number: number, bytes: number): void {
    this.sentOf.set(number, Math.min(bytes, this.sizeOf(number)));
    this.report();
  }

  private report(): void {
    let sent = 0;
    for (const bytes of this.sentOf.values()) sent += bytes;
    this.options.onProgress?.({ sent, size: this.source.size });
  }
}
