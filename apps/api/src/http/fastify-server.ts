import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type DiskObjectStore, diskObjectRoutes } from '@vanda/objects';
import fastify, { type FastifyInstance } from 'fastify';
import type { Deps } from '../deps.ts';
import { answerBrokenHttp } from './broken-http.ts';
import { parseJsonBodies } from './json-body.ts';
import { answerProblem } from './problem-filter.ts';
import { addSecurityHeaders, storeOriginsOf } from './security-headers.ts';

const idleTimeoutMs = 120_000;
/** Longer than clients and proxies keep a connection, so that they and not this server end it. */
const keepAliveMs = 75_000;
/** Pictures as base64 do not fit into what is enough for everything else. */
const predictionBytesMax = 16 * 1024 ** 2;

/** The Fastify server that Nest is mounted on: parsing, limits, headers and the log of requests. */
export function createFastify(deps: Deps): FastifyInstance {
  const { config, log } = deps;
  const server = fastify({
    bodyLimit: config.limits.bodyBytes,
    forceCloseConnections: 'idle',
    genReqId: () => randomUUID(),
    logger: false,
    routerOptions: { maxParamLength: 8192, ignoreTrailingSlash: true },
    clientErrorHandler: answerBrokenHttp,
    frameworkErrors: (error, request, reply) => answerProblem(error, request, reply, log),
    serverFactory: (handle) => {
      const http = createServer({ keepAliveTimeout: keepAliveMs }, withObjectRoutes(deps, handle));
      // A part of a large file may take long; what stops arriving is ended by the idle timeouts.
      http.requestTimeout = 0;
      return http;
    },
  });
  addSecurityHeaders(server, config.publicUrl, storeOriginsOf(config.objects, config.publicUrl));
  deps.metrics.observe(server);
  parseJsonBodies(server);
  allowLargerPredictions(server);
  server.addHook('onRequest', async (request) => {
    // A body that stops arriving must not hold its socket for ever; live streams send heartbeats.
    request.raw.setTimeout(idleTimeoutMs, () => request.raw.destroy());
  });
  server.addHook('onResponse', async (request, reply) => {
    const line = {
      requestId: request.id,
      method: request.method,
      url: request.url.split('?')[0],
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime),
    };
    if (reply.statusCode >= 500) log.error(line, 'answered');
    else if (request.method !== 'GET' || reply.statusCode >= 400) log.info(line, 'answered');
    else log.debug(line, 'answered');
  });
  return server;
}

/**
 * The disk driver's signed URLs are served before Fastify sees them: raw, streaming, without parsing, sessions or
 * limits, since they carry their own proof.
 */
function withObjectRoutes(
  deps: Deps,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): typeof handle {
  if (deps.objects.driver !== 'disk') return handle;
  const serveObject = diskObjectRoutes(deps.objects as DiskObjectStore);
  return (request, response) => {
    if (request.url?.startsWith('/objects/')) void serveObject(request, response);
    else handle(request, response);
  };
}

function allowLargerPredictions(server: FastifyInstance): void {
  server.addHook('onRoute', (route) => {
    if (route.url.endsWith('/predict')) route.bodyLimit = predictionBytesMax;
  });
}
