import { VandaError } from '@vanda/contracts';
import type { FastifyReply } from 'fastify';

const windowMs = 60_000;

interface Policy {
  name: string;
  quota: number;
}

/**
 * Counts requests in fixed windows of a minute, in this process's memory: with several API processes each grants the
 * quota. The draft headers RateLimit and RateLimit-Policy tell clients how they stand.
 */
export class RateLimit {
  readonly #policy: Policy;
  #windowStart = 0;
  #counts = new Map<string, number>();

  constructor(policy: Policy) {
    this.#policy = policy;
  }

  /** Counts one request of `who`. Throws too-many-requests once the quota is used up. */
  take(who: string, reply: FastifyReply, nowMs = Date.now()): void {
    if (nowMs - this.#windowStart >= windowMs) {
      this.#windowStart = nowMs - (nowMs % windowMs);
      this.#counts = new Map();
    }
    const count = (this.#counts.get(who) ?? 0) + 1;
    this.#counts.set(who, count);
    const { name, quota } = this.#policy;
    const left = Math.max(0, quota - count);
    const seconds = Math.ceil((this.#windowStart + windowMs - nowMs) / 1000);
    reply.header('ratelimit', `"${name}";r=${left};t=${seconds}`);
    reply.header('ratelimit-policy', `"fixed window";"${name}";q=${quota};w=${windowMs / 1000}`);
    if (count <= quota) return;
    reply.header('retry-after', String(seconds));
    throw new VandaError(
      'too-many-requests',
      `More than ${quota} requests in a minute: go on in ${seconds} s.`,
    );
  }
}
