import { type Database, waitingWork } from '@vanda/records';
import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export interface ApiMetrics {
  text(): Promise<string>;
  contentType: string;
  observe(server: FastifyInstance): void;
}

export function openMetrics(db: Database): ApiMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'vanda_api_' });
  const requests = new Histogram({
    name: 'vanda_api_request_seconds',
    help: 'Time from the first byte of a request to the last of its answer, by route and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30],
    registers: [registry],
  });
  const work = new Gauge({
    name: 'vanda_work_count',
    help: 'Jobs and pushes that have not ended by state, and outbox messages that were not sent.',
    labelNames: ['noun', 'state'],
    registers: [registry],
    async collect() {
      this.reset();
      for (const { noun, state, count } of await waitingWork(db)) work.set({ noun, state }, count);
    },
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
