import { listServedEndpoints, withdrawServing } from '@vanda/records';
import type { ServedEndpoints } from './served-endpoints.ts';
import type { ServingDeps } from './start-serving.ts';

type FollowerDeps = Pick<ServingDeps, 'db' | 'log' | 'workerId'>;

/** Reads the ledgers, one look at a time; a look that was asked for meanwhile follows at once. */
export class LedgerFollower {
  private readonly deps: FollowerDeps;
  private readonly endpoints: ServedEndpoints;
  private looking = false;
  private again = false;
  private blind = false;
  private stopped = false;

  constructor(deps: FollowerDeps, endpoints: ServedEndpoints) {
    this.deps = deps;
    this.endpoints = endpoints;
  }

  stop(): void {
    this.stopped = true;
  }

  async look(): Promise<void> {
    this.again = true;
    if (this.looking) return;
    this.looking = true;
    try {
      while (this.again && !this.stopped) {
        this.again = false;
        await this.once();
      }
    } finally {
      this.looking = false;
    }
  }

  private async once(): Promise<void> {
    const { db, log, workerId } = this.deps;
    try {
      const targets = await listServedEndpoints(db);
      if (this.stopped) return;
      const gone = this.endpoints.follow(targets);
      for (const id of gone) await withdrawServing(db, workerId, id);
      if (this.blind) log.info({}, 'The database answers again.');
      this.blind = false;
    } catch (error) {
      if (!this.blind) log.warn({ err: error }, 'The database is away; what is loaded is served.');
      this.blind = true;
    }
  }
}
