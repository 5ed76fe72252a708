import { once } from 'node:events';
import type { FastifyReply, FastifyRequest } from 'fastify';

const heartbeatMs = 15_000;
/** A stream ends after this time and the browser opens the next one, which checks the session or key again. */
const lifetimeMs = 15 * 60_000;

/** One Server-Sent Events answer: `id:`, `event:`, `data:` as JSON, comments as heartbeats. */
export class EventStream {
  /** What the client says it has seen; null at a first visit. */
  readonly lastEventId: string | null;
  /** Aborted when the client has gone, the stream is old or the server stops. */
  readonly signal: AbortSignal;
  readonly #reply: FastifyReply;
  readonly #response: FastifyReply['raw'];
  readonly #over = new AbortController();
  readonly #timers: NodeJS.Timeout[] = [];

  constructor(request: FastifyRequest, reply: FastifyReply, stopping: AbortSignal) {
    const header = request.headers['last-event-id'];
    const query = (request.query as Record<string, unknown>).lastEventId;
    const last = typeof header === 'string' ? header : query;
    this.lastEventId = typeof last === 'string' && last !== '' ? last.slice(0, 4096) : null;
    this.#response = reply.raw;
    this.#reply = reply;
    this.signal = AbortSignal.any([this.#over.signal, stopping]);
  }

  /** Whether the answer has begun; before, an error can still be said with a status. */
  get started(): boolean {
    return this.#timers.length > 0;
  }

  /** Begins the answer, once it is known that there is something to follow. */
  start(): void {
    this.#reply.hijack();
    for (const [name, value] of Object.entries(this.#reply.getHeaders())) {
      if (value !== undefined) this.#response.setHeader(name, value);
    }
    this.#response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-cache, no-store, no-transform',
      // A proxy that gathers the answer would hold live events back.
      'X-Accel-Buffering': 'no',
    });
    this.#response.write('retry: 1000\n\n');
    this.#response.on('close', () => this.#over.abort());
    this.#response.on('error', () => this.#over.abort());
    this.#timers.push(
      setInterval(() => this.#response.write(': still here\n\n'), heartbeatMs),
      setTimeout(() => this.#over.abort(), lifetimeMs),
    );
  }

  /** Waits while the client reads slower than this writes. */
  async send(event: string, id: string, data: unknown): Promise<void> {
    if (this.signal.aborted) return;
    const text = `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
    if (!this.#response.write(text)) {
      await once(this.#response, 'drain', { signal: this.signal }).catch(() => {});
    }
  }

  end(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#over.abort();
    if (this.started) this.#response.end();
  }
}
