import { type Operation, parseOrThrow, VandaError } from '@vanda/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Deps } from '../deps.ts';
import { EventStream } from './event-stream.ts';
import type { Actor, Handler, HandlerCall } from './handler.ts';
import { idempotencyOf, Replay } from './idempotency.ts';
import { refuseNul } from './json-body.ts';
import { RateLimit } from './rate-limit.ts';
import { requireSameOrigin } from './same-origin.ts';

/** Open live streams of one key or person; each is a connection and asks Postgres now and then. */
const streamsMax = 100;

/** The way of every request of the management API, from the caller's proof to the answer. */
export class OperationAnswers {
  readonly #deps: Deps;
  readonly #limit: RateLimit;
  readonly #failures: RateLimit;
  readonly #streams = new Map<string, number>();

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#limit = new RateLimit({ name: 'api', quota: deps.config.limits.requestsPerMinute });
    this.#failures = new RateLimit({ name: 'unauthenticated', quota: 300 });
  }

  /** Who asks, counted. Used by the routes beside the operations too. */
  async admit(request: FastifyRequest, reply: FastifyReply): Promise<Actor> {
    const actor = await this.#deps.authentication.identify(request).catch((error) => {
      this.#failures.take(request.ip, reply);
      throw error;
    });
    if (actor.user !== null) requireSameOrigin(request, this.#deps.config.publicUrl);
    this.#limit.take(callerOf(actor), reply);
    return actor;
  }

  async answer(
    operation: Operation,
    handler: Handler<Operation>,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> {
    const actor = await this.admit(request, reply);
    if (operation.access === 'owner' && actor.role !== 'owner') {
      throw new VandaError('forbidden', 'Only the owner, signed in, may do this.');
    }
    const { db, config, stopping } = this.#deps;
    const idempotency = idempotencyOf(db, config.secret, operation, actor.projectId, request);
    const gone = new AbortController();
    reply.raw.on('close', () => gone.abort());
    const call: HandlerCall = {
      params: parsePart(operation.params, request.params) as never,
      query: parsePart(operation.query, request.query) as never,
      body: parseBody(operation, request.body) as never,
      actor,
      deps: this.#deps,
      once: idempotency.once,
      signal: AbortSignal.any([gone.signal, stopping]),
    };
    if (operation.answers === 'events') {
      if (request.method === 'HEAD') return void reply.type('text/event-stream').send();
      const stream = new EventStream(request, reply, stopping);
      await this.#stream(handler as Handler<Operation & { answers: 'events' }>, call, stream);
      return;
    }
    const stored = await idempotency.stored();
    if (stored !== null) return this.#send(operation, reply, stored.reply, true);
    const answered = await (handler(call) as Promise<unknown>).catch((error) => {
      if (error instanceof Replay) return error;
      throw error;
    });
    if (answered instanceof Replay) return this.#send(operation, reply, answered.reply, true);
    await idempotency.settle(answered);
    this.#send(operation, reply, answered, false);
  }

  #send(operation: Operation, reply: FastifyReply, answer: unknown, replayed: boolean): void {
    reply.header('cache-control', 'no-store');
    if (replayed) reply.header('idempotency-replayed', 'true');
    if (operation.answers === 'redirect') {
      void reply.code(302).header('location', String(answer)).send();
      return;
    }
    if (this.#deps.config.checkReplies) parseOrThrow(operation.reply, answer, 'internal');
    void reply
      .code(operation.status ?? 200)
      .header('content-type', 'application/json; charset=utf-8')
      .send(JSON.stringify(answer));
  }

  /** An error after the first byte has no status to say it with: the stream ends, and the browser comes again. */
  async #stream(
    handler: Handler<Operation & { answers: 'events' }>,
    call: HandlerCall<Operation & { answers: 'events' }>,
    stream: EventStream,
  ): Promise<void> {
    const caller = callerOf(call.actor);
    const open = (this.#streams.get(caller) ?? 0) + 1;
    if (open > streamsMax) {
      const message = `More than ${streamsMax} live streams are open: close some of them.`;
      throw new VandaError('too-many-requests', message);
    }
    this.#streams.set(caller, open);
    try {
      await handler(call, stream);
    } catch (error) {
      if (!stream.started) throw error;
      if (!stream.signal.aborted) this.#deps.log.error({ err: error }, 'a live stream broke');
    } finally {
      stream.end();
      const left = (this.#streams.get(caller) ?? 1) - 1;
      if (left > 0) this.#streams.set(caller, left);
      else this.#streams.delete(caller);
    }
  }
}

function callerOf(actor: Actor): string {
  return actor.key?.id ?? actor.user?.id ?? actor.projectId;
}

function parsePart(schema: Operation['params'], value: unknown): unknown {
  if (schema === undefined) return undefined;
  refuseNul((value ?? {}) as Record<string, unknown>);
  return parseOrThrow(schema, value ?? {});
}

function parseBody(operation: Operation, body: unknown): unknown {
  if (operation.body === undefined) return undefined;
  return parseOrThrow(operation.body, body ?? undefined);
}
