import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Deps } from '../deps.ts';
import { version } from '../version.ts';
import type { OperationAnswers } from './answer-operation.ts';
import { docsPage } from './docs-page.ts';
import { openApiDocument } from './openapi.ts';
import { answerProblem } from './problem-filter.ts';
import { redisAnswers } from './redis-answers.ts';

/** What is beside the operations: health for whoever supervises, metrics and the description for whoever has a key. */
export function addOpenRoutes(
  server: FastifyInstance,
  deps: Deps,
  answers: OperationAnswers,
): void {
  server.get('/api/health/live', async () => ({ live: true }));
  server.get('/api/health/ready', async (_, reply) => {
    const database = await databaseAnswers(deps);
    const queue = await redisAnswers(deps.config.redisUrl);
    reply.code(database ? 200 : 503);
    return {
      ready: database,
      degraded: database && !queue,
      database: database ? 'ok' : 'unreachable',
      // Redis is a doorbell: without it jobs start later, and nothing is lost.
      queue: queue ? 'ok' : 'unreachable',
    };
  });

  const behindKey = (
    path: string,
    send: (reply: FastifyReply) => Promise<unknown> | unknown,
  ): void => {
    server.get(path, async (request, reply) => {
      try {
        await answers.admit(request, reply);
        await send(reply.header('cache-control', 'no-store'));
      } catch (error) {
        answerProblem(error, request, reply, deps.log);
      }
      return reply;
    });
  };
  const { publicUrl } = deps.config;
  const description = openApiDocument(publicUrl, version);
  const page = docsPage(description);
  behindKey('/api/openapi.json', (reply) => reply.send(description));
  behindKey('/api/docs', (reply) => reply.type('text/html; charset=utf-8').send(page));
  behindKey('/api/metrics', async (reply) =>
    reply.type(deps.metrics.contentType).send(await deps.metrics.text()),
  );
}

async function databaseAnswers(deps: Deps): Promise<boolean> {
  const late = new Promise<boolean>((resolve) => setTimeout(resolve, 3000, false).unref());
  const asked = deps.db.$queryRaw`SELECT 1`.then(
    () => true,
    () => false,
  );
  return Promise.race([asked, late]);
}
