import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import { type ErrorCode, operations, type Problem, toProblem, VandaError } from '@vanda/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { operationPath } from './operation-path.ts';

/** Every error of every route ends here, as RFC 9457 problem details. */
export function problemFilter(log: Logger): ExceptionFilter {
  class ProblemFilter implements ExceptionFilter {
    catch(error: unknown, host: ArgumentsHost): void {
      const http = host.switchToHttp();
      answerProblem(
        error,
        http.getRequest<FastifyRequest>(),
        http.getResponse<FastifyReply>(),
        log,
      );
    }
  }
  Catch()(ProblemFilter);
  return new ProblemFilter();
}

export function answerProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  log: Logger,
): void {
  const known = toVandaError(error, request, reply);
  if (known.code === 'internal') {
    log.error({ err: error, requestId: request.id, url: request.url }, 'a request failed');
  }
  if (reply.sent || reply.raw.headersSent) {
    reply.raw.destroy();
    return;
  }
  // Fastify wants to close the connection of a body that it refused. Closing it while the client still sends would
  // reset it, and the client would never read the sentence: Node reads and drops the rest instead.
  if (known.code === 'payload-too-large') reply.removeHeader('connection');
  if (known.code === 'unauthenticated') reply.header('www-authenticate', 'Bearer realm="vanda"');
  const path = request.url.split('?')[0]?.slice(0, 500);
  sendProblem(reply, toProblem(known, path, request.id));
}

export function sendProblem(reply: FastifyReply, problem: Problem): void {
  void reply
    .code(problem.status)
    .header('content-type', 'application/problem+json')
    .header('cache-control', 'no-store')
    // As bytes: to a text Fastify would add a charset, which this type does not have.
    .send(Buffer.from(JSON.stringify(problem)));
}

function toVandaError(error: unknown, request: FastifyRequest, reply: FastifyReply): VandaError {
  if (error instanceof VandaError) return error;
  const status =
    error instanceof HttpException
      ? error.getStatus()
      : ((error as { statusCode?: number }).statusCode ?? 500);
  if (status === 404) return routeNotFound(request, reply);
  const code = codeOfStatus[status];
  if (code === undefined) {
    if (isUnavailable(error)) {
      return new VandaError('unavailable', 'The database cannot be reached right now: try again.');
    }
    return new VandaError('internal', 'Something broke on our side; it is noted in the log.');
  }
  return new VandaError(code, sentenceOf(code, error));
}

const codeOfStatus: Record<number, ErrorCode> = {
  400: 'invalid-request',
  408: 'timeout',
  413: 'payload-too-large',
  414: 'invalid-request',
  415: 'unsupported-media-type',
  431: 'invalid-request',
  503: 'unavailable',
};

function sentenceOf(code: ErrorCode, error: unknown): string {
  if (code === 'payload-too-large') {
    return 'The body is larger than this address takes: 1 MB, and 16 MB for predictions.';
  }
  if (code === 'unsupported-media-type') {
    return 'The body must be JSON, with the header "Content-Type: application/json".';
  }
  const message = error instanceof Error ? error.message : String(error);
  return message.endsWith('.') ? message : `${message}.`;
}

/** A path that exists for another method is 405 with what is allowed, any other 404. */
function routeNotFound(request: FastifyRequest, reply: FastifyReply): VandaError {
  const path = request.url.split('?')[0] ?? '';
  const allowed = Object.values(operations)
    .filter((operation) => operationPath(operation).test(path))
    .map((operation) => operation.method);
  if (allowed.length === 0 || allowed.some((method) => method === request.method)) {
    return new VandaError(
      'not-found',
      `There is nothing at ${path.slice(0, 200)}: /api/docs lists every operation.`,
    );
  }
  const methods = [...new Set(allowed)].join(', ');
  reply.header('allow', methods);
  return new VandaError(
    'method-not-allowed',
    `${request.method} is not possible here; allowed: ${methods}.`,
  );
}

/** Prisma's and pg's ways to say that Postgres is away, or that a pool or a transaction ran out of time. */
function isUnavailable(error: unknown): boolean {
  const { code, name, message } = error as { code?: unknown; name?: string; message?: string };
  const unavailable = [
    'P1001',
    'P1002',
    'P1008',
    'P1017',
    'P2024',
    'P2028',
    'P2034',
    'ECONNREFUSED',
  ];
  if (typeof code === 'string' && unavailable.includes(code)) return true;
  if (name === 'PrismaClientInitializationError') return true;
  return /connection (terminated|timeout)|ECONNREFUSED|ECONNRESET|server closed the connection|the database system is/i.test(
    message ?? '',
  );
}
