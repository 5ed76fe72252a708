import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import staticFiles from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { answerProblem } from './problem-filter.ts';

const defaultFolder = fileURLToPath(new URL('../../../web/dist', import.meta.url));
const yearS = 365 * 24 * 60 * 60;

/** The dashboard: its files, and its one page for every address that is not the API's. */
export async function addDashboard(
  server: FastifyInstance,
  log: Logger,
  folder = defaultFolder,
): Promise<void> {
  await server.register(staticFiles, {
    root: folder,
    serve: false,
    cacheControl: false,
    // The build leaves a .gz beside each script and style.
    preCompressed: true,
  });
  server.get('/*', async (request, reply) => {
    const path = decodeURIComponent(request.url.split('?')[0] ?? '/');
    if (path === '/api' || path.startsWith('/api/') || path.includes('\0')) {
      answerProblem({ statusCode: 404 }, request, reply, log);
      return reply;
    }
    if (!existsSync(join(folder, 'index.html'))) {
      reply.code(503).type('text/plain; charset=utf-8');
      return 'The dashboard is not built yet: run "npm run build:web". The API works without it.\n';
    }
    const file = /\.[a-z0-9]{1,8}$/i.test(path) && !path.includes('..');
    if (file) {
      // Built files carry a hash of their content in their names.
      const forever = path.startsWith('/assets/');
      reply.header('cache-control', forever ? `public, max-age=${yearS}, immutable` : 'no-cache');
      return reply.sendFile(path.slice(1));
    }
    return reply.header('cache-control', 'no-cache').sendFile('index.html');
  });
}
