import type { Operation } from '@vanda/contracts';
import { parseOrThrow } from '@vanda/contracts';
import { pause } from './back-off.ts';
import { ClientError, errorFromResponse, tooSlow, unreachable } from './client-error.ts';

export interface ClientOptions {
  /** Where the API is, without a path: `http://127.0.0.1:3000`. Empty in a page that the API itself serves. */
  baseUrl?: string;
  /** `vnd_...`; a page signs in by cookie instead. */
  apiKey?: string;
  /** More tries after a failure that may pass, of calls that can be made twice. */
  retries?: number;
  /** The same once the server has answered something: then it is restarting rather than not there. */
  retriesOnceReached?: number;
  /** For one try. */
  timeoutMs?: number;
  headers?: Record<string, string>;
  fetch?: typeof fetch;
}

export interface CallOptions {
  signal?: AbortSignal;
  /** Of a create: the same key never makes the thing twice. Made up for each call where it is left out. */
  idempotencyKey?: string;
  retries?: number;
  timeoutMs?: number;
}

export interface CallInput {
  params?: Record<string, unknown>;
  query?: Record<string, unknown>;
  body?: unknown;
}

/** Doing these twice ends where doing them once does, though they are POSTs. */
const repeatable: ReadonlySet<string> = new Set([
  'uploads.sign',
  'uploads.complete',
  'jobs.plan',
  'jobs.cancel',
  'endpoints.predict',
]);

const retriesUsual = 4;
const timeoutMsUsual = 60_000;
const retryAfterMsMax = 30_000;

/** Sends requests: addresses, proof of who asks, retries with back-off, problems as errors. */
export class Transport {
  readonly options: ClientOptions;
  readonly baseUrl: string;
  private reached = false;
  constructor(options: ClientOptions) {
    this.options = options;
    this.baseUrl = (options.baseUrl ?? '').replace(/\/+$/, '');
  }

  url(operation: Operation, input: CallInput): string {
    const params = operation.params
      ? (parseOrThrow(operation.params, input.params ?? {}) as Record<string, unknown>)
      : {};
    const path = operation.path.replace(/:(\w+)/g, (_, name: string) =>
      encodeURIComponent(String(params[name])),
    );
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(input.query ?? {})) {
      if (value !== undefined && value !== null) query.set(name, String(value));
    }
    return `${this.baseUrl}/api/v1${path}${query.size > 0 ? `?${query}` : ''}`;
  }

  headers(more: Record<string, string> = {}): Record<string, string> {
    const { apiKey, headers } = this.options;
    return { ...headers, ...(apiKey ? { authorization: `Bearer ${apiKey}` } : {}), ...more };
  }

  /** A response with a status below 400, or a ClientError. */
  async call(operation: Operation, input: CallInput, options: CallOptions): Promise<Response> {
    const url = this.url(operation, input);
    const headers = this.headers();
    if (input.body !== undefined) headers['content-type'] = 'application/json';
    if (operation.idempotent) {
      headers['idempotency-key'] = options.idempotencyKey ?? randomKey();
    }
    const init: RequestInit = { method: operation.method, headers, credentials: 'same-origin' };
    if (input.body !== undefined) init.body = JSON.stringify(input.body);
    const again =
      operation.method !== 'POST' || operation.idempotent === true || repeatable.has(operation.id);
    for (let tried = 0; ; tried++) {
      try {
        return await this.try(url, init, options);
      } catch (error) {
        options.signal?.throwIfAborted();
        const mayPass =
          error instanceof ClientError && (again ? passes(error) : refusedBefore(error));
        if (!mayPass || tried >= this.retries(options)) throw error;
        await pause(tried, options.signal, retryAfterMs(error));
      }
    }
  }

  private retries(options: CallOptions): number {
    const usual = this.options.retries ?? retriesUsual;
    return options.retries ?? (this.reached ? (this.options.retriesOnceReached ?? usual) : usual);
  }

  /** One try, without retries. */
  async try(url: string, init: RequestInit, options: CallOptions): Promise<Response> {
    const timeoutMs = options.timeoutMs ?? this.options.timeoutMs ?? timeoutMsUsual;
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
    let response: Response;
    try {
      response = await (this.options.fetch ?? fetch)(url, { ...init, signal });
    } catch (error) {
      options.signal?.throwIfAborted();
      throw timeout.aborted ? tooSlow(this.baseUrl, timeoutMs) : unreachable(this.baseUrl, error);
    }
    this.reached = true;
    if (response.ok) return response;
    const error = await errorFromResponse(response);
    retryAfter.set(error, response.headers.get('retry-after'));
    throw error;
  }

  /** The JSON of an answer; a connection that breaks in the middle is a ClientError too. */
  async json(response: Response, signal?: AbortSignal): Promise<unknown> {
    try {
      return await response.json();
    } catch (error) {
      signal?.throwIfAborted();
      throw unreachable(this.baseUrl, error);
    }
  }
}

const retryAfter = new WeakMap<ClientError, string | null>();

function retryAfterMs(error: ClientError): number {
  const seconds = Number(retryAfter.get(error) ?? 0);
  return Number.isFinite(seconds) ? Math.min(seconds * 1000, retryAfterMsMax) : 0;
}

/** Whether the same call may succeed a moment later. */
function passes(error: ClientError): boolean {
  if (!error.answered) return true;
  return error.code === 'request-running' || [429, 502, 503, 504].includes(error.problem.status);
}

/** Nothing was done for certain: nobody listened, or the limiter stood before. */
function refusedBefore(error: ClientError): boolean {
  if (error.answered) return error.problem.status === 429;
  return String((error.cause as { cause?: { code?: unknown } })?.cause?.code) === 'ECONNREFUSED';
}

/** Pages without TLS have no crypto.randomUUID, so the key is made from plain random bytes. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
