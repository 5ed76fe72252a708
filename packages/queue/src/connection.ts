import { Redis } from 'ioredis';

/** How long a caller waits for Redis: it is a doorbell, and whoever rings it has the facts in Postgres. */
export const sendTimeoutMs = 3000;

/**
 * A connection for sending: fails soon while Redis is away instead of keeping messages in memory,
 * since the outbox keeps them already.
 */
export function connectToSend(url: string): Redis {
  return new Redis(url, {
    maxRetriesPerRequest: 1,
    commandTimeout: sendTimeoutMs,
    connectTimeout: sendTimeoutMs,
    retryStrategy: reconnectDelayMs,
  });
}

/** A connection for consuming: waits for Redis for as long as it is away, as BullMQ demands. */
export function connectToConsume(url: string): Redis {
  return new Redis(url, { maxRetriesPerRequest: null, retryStrategy: reconnectDelayMs });
}

/** Short, since a Redis that was restarted is back within a second and waiting jobs feel the rest. */
function reconnectDelayMs(times: number): number {
  return Math.min(50 * 2 ** Math.min(times, 6), 1000);
}
