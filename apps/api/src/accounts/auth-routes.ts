import { type ErrorCode, type Problem, toProblem, VandaError } from '@vanda/contracts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Deps } from '../deps.ts';
import { answerProblem, sendProblem } from '../http/problem-filter.ts';
import { RateLimit } from '../http/rate-limit.ts';
import { requireSameOrigin } from '../http/same-origin.ts';
import { authPath } from './authentication.ts';

/** Mounts the sign-in library's own routes; its refusals are spoken as problems too. */
export function addAuthRoutes(server: FastifyInstance, deps: Deps): void {
  const signIns = new RateLimit({ name: 'sign-in', quota: deps.config.limits.signInsPerMinute });
  server.route({
    method: ['GET', 'POST'],
    url: `${authPath}/*`,
    handler: async (request, reply) => {
      try {
        if (request.method === 'POST' && /\/(sign-in|.*password)/.test(request.url)) {
          signIns.take(request.ip, reply);
        }
        const { origin, cookie } = request.headers;
        if (origin !== undefined || cookie !== undefined) {
          requireSameOrigin(request, deps.config.publicUrl);
        }
        const answer = await deps.authentication.handle(toWebRequest(request, deps));
        await send(answer, request, reply);
      } catch (error) {
        answerProblem(error, request, reply, deps.log);
      }
      return reply;
    },
  });
}

function toWebRequest(request: FastifyRequest, deps: Deps): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined && name !== 'content-length') headers.set(name, String(value));
  }
  return new Request(new URL(request.url, deps.config.publicUrl), {
    method: request.method,
    headers,
    body: request.method === 'POST' ? JSON.stringify(request.body ?? {}) : undefined,
  });
}

async function send(answer: Response, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  for (const cookie of answer.headers.getSetCookie()) reply.header('set-cookie', cookie);
  reply.header('cache-control', 'no-store');
  const text = await answer.text();
  if (answer.status < 400) {
    const type = answer.headers.get('content-type');
    if (type) reply.header('content-type', type);
    const location = answer.headers.get('location');
    if (location) reply.header('location', location);
    void reply.code(answer.status).send(text);
    return;
  }
  const message = messageOf(text) ?? 'This is not possible.';
  const error = new VandaError(codeOf(answer.status), sentence(message));
  const problem = toProblem(error, request.url.split('?')[0], request.id);
  // `message` is the field that the library's own clients show.
  sendProblem(reply, { ...problem, message: problem.detail } as Problem);
}

function codeOf(status: number): ErrorCode {
  if (status === 401) return 'unauthenticated';
  if (status === 403) return 'forbidden';
  if (status === 404) return 'not-found';
  if (status === 429) return 'too-many-requests';
  return status >= 500 ? 'internal' : 'invalid-request';
}

function messageOf(text: string): string | undefined {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === 'string' && message !== '' ? message : undefined;
  } catch {
    return undefined;
  }
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
