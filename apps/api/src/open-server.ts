import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { addAuthRoutes } from './accounts/auth-routes.ts';
import type { Deps } from './deps.ts';
import { handlers } from './handlers.ts';
import { OperationAnswers } from './http/answer-operation.ts';
import { addDashboard } from './http/dashboard-files.ts';
import { createFastify } from './http/fastify-server.ts';
import { addOpenRoutes } from './http/open-routes.ts';
import { operationsModule } from './http/operation-controllers.ts';
import { problemFilter } from './http/problem-filter.ts';

const closeGraceMs = 3000;

export interface RunningServer {
  port: number;
  close(): Promise<void>;
}

/** Boots the whole HTTP face and listens. Throws where an operation has no handler or the port is taken. */
export async function openServer(
  deps: Deps,
  options: { dashboardFolder?: string } = {},
): Promise<RunningServer> {
  const server = createFastify(deps);
  const answers = new OperationAnswers(deps);
  const app = await NestFactory.create(
    operationsModule(handlers, answers),
    // Nest's own types want its copy of the same Fastify.
    new FastifyAdapter(server as never),
    { logger: false, bodyParser: false },
  );
  app.useGlobalFilters(problemFilter(deps.log));
  addAuthRoutes(server, deps);
  addOpenRoutes(server, deps, answers);
  await addDashboard(server, deps.log, options.dashboardFolder);
  await app.init();
  await server.listen({ host: deps.config.host, port: deps.config.port });
  const { port } = server.server.address() as AddressInfo;
  return {
    port,
    async close() {
      // Requests that run get a moment; a client that never finishes sending must not hold the process.
      const late = setTimeout(() => server.server.closeAllConnections(), closeGraceMs);
      await app.close();
      clearTimeout(late);
    },
  };
}
