import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Histogram, Registry } from 'prom-client';

export interface ApiMetrics {
  text(): Promise<string>;
  contentType: string;
  observe(server: FastifyInstance): void;
}

export function openMetrics(): ApiMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'vanda_api_' });
  const requests = new Histogram({
    name: 'vanda_api_request_seconds',
    help: 'Time from the first byte of a request to the last of its answer, by route and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30],
    registers: [registry],
  });
  return {
    text: () => registry.metrics(),
    contentType: registry.contentType,
    observe(server) {
      server.addHook('onResponse', async (request, reply) => {
        const { method, routeOptions } = request;
        // A live stream's duration says nothing about how fast this server is.
        if (String(reply.getHeader('content-type')).startsWith('text/event-stream')) return;
        requests.observe(
          { method, route: routeOptions.url ?? 'none', status: reply.statusCode },
          reply.elapsedTime / 1000,
        );
      });
    },
  };
}
