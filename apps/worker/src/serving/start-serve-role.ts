import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { ObjectStore } from '@vanda/objects';
import {
  type Database,
  listen,
  listServedEndpoints,
  reportServing,
  withdrawServing,
} from '@vanda/records';
import { ArtifactCache } from './artifact-cache.ts';
import { Authenticator } from './authenticate.ts';
import { CrashMarks } from './crash-marks.ts';
import { InferenceServer } from './inference-server.ts';
import type { BatcherOptions } from './micro-batcher.ts';
import { type Served, ServedEndpoints } from './served-endpoints.ts';
import { ServingMetrics } from './serving-metrics.ts';
import { type LoadPredictor, VersionPool } from './version-pool.ts';

export interface ServeDeps {
  db: Database;
  /** For the connection that listens. */
  databaseUrl: string;
  objects: ObjectStore;
  /** A row of `workers` that is announced already. */
  workerId: string;
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** VANDA_SECRET: the API's tickets are signed with it. */
  secret: string;
  /** A folder for model files; it may be deleted while nothing runs. */
  cacheFolder: string;
  log: {
    info(fields: object, sentence: string): void;
    warn(fields: object, sentence: string): void;
    error(fields: object, sentence: string): void;
  };
  loadPredictor: LoadPredictor;
  threads?: number;
  batching?: BatcherOptions;
}

export interface ServeRole {
  /** Where it listens. */
  url: string;
  /** Requests under way. */
  close(): Promise<void>;
}

const pollMs = 2_000;
const figuresMs = 5_000;
const drainMs = 10_000;

/** The inference server: serves what the ledgers in Postgres say, and goes on with what it has while Postgres is away. */
export async function startServeRole(deps: ServeDeps): Promise<ServeRole> {
  const { db, log, workerId } = deps;
  const metrics = new ServingMetrics();
  const cache = new ArtifactCache(join(deps.cacheFolder, 'versions'), deps.objects);
  const pool = new VersionPool(
    cache,
    new CrashMarks(join(deps.cacheFolder, 'loading')),
    deps.loadPredictor,
    deps.threads ?? availableParallelism(),
    { ...deps.batching, onBatch: (batch) => metrics.batch(batch) },
  );
  const reporter = new Reporter(deps);
  const endpoints = new ServedEndpoints(pool, (served) => {
    const { target, state, error } = served;
    const fields = { endpoint: target.name, seq: target.seq, state };
    if (state === 'failed') log.error({ ...fields, error }, 'An endpoint could not be loaded.');
    else log.info(fields, `The endpoint ${target.name} is ${state}.`);
    reporter.changed(served);
  });
  const follower = new Follower(deps, endpoints);
  const server = new InferenceServer({
    endpoints,
    authenticator: new Authenticator(db, deps.secret),
    metrics,
    logError: (error, sentence) => log.error({ err: error }, sentence),
  });
  // Before the port opens: a client that comes at once after a restart finds what was served before.
  await follower.look();
  await Promise.race([endpoints.settled(), sleep(5_000)]);
  const used = endpoints.all().flatMap(({ target }) => target.versions);
  await cache.prune(new Set(used.map((version) => version.modelVersionId)));
  const address = await server.listen(deps.host, deps.port);
  const listening = listen(
    deps.databaseUrl,
    ['vanda_endpoints'],
    () => void follower.look(),
    () => void follower.look(),
  );
  const polling = setInterval(() => void follower.look(), pollMs);
  const figures = setInterval(() => reporter.figures(endpoints.all()), figuresMs);
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return {
    url: `http://${host}:${address.port}`,
    async close() {
      clearInterval(polling);
      clearInterval(figures);
      await listening.close();
      await server.close(drainMs);
      follower.stop();
      endpoints.close();
      await reporter.idle();
      await withdrawServing(db, workerId).catch(() => {});
    },
  };
}

/** Reads the ledgers, one look at a time; a look that was asked for meanwhile follows at once. */
class Follower {
  private readonly deps: ServeDeps;
  private readonly endpoints: ServedEndpoints;
  private looking = false;
  private again = false;
  private blind = false;
  private stopped = false;

  constructor(deps: ServeDeps, endpoints: ServedEndpoints) {
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

/** Writes to Postgres what became of each endpoint: one write at a time, the newest state only, until it arrived. */
class Reporter {
  private readonly deps: ServeDeps;
  private readonly dirty = new Set<Served>();
  private readonly told = new Map<string, string>();
  private writing: Promise<void> | null = null;

  constructor(deps: ServeDeps) {
    this.deps = deps;
  }

  changed(served: Served): void {
    this.dirty.add(served);
    this.write();
  }

  figures(all: Served[]): void {
    for (const served of all) this.changed(served);
  }

  async idle(): Promise<void> {
    await this.writing;
  }

  private write(): void {
    this.writing ??= this.writeAll().finally(() => {
      this.writing = null;
    });
  }

  private async writeAll(): Promise<void> {
    for (let [served] = this.dirty; served !== undefined; [served] = this.dirty) {
      this.dirty.delete(served);
      const { target, state, error, meter } = served;
      const { id: endpointId, seq } = target;
      const report = { endpointId, seq, state, error, traffic: meter.figures() };
      const text = JSON.stringify(report);
      if (this.told.get(endpointId) === text) continue;
      try {
        await reportServing(this.deps.db, this.deps.workerId, report);
        this.told.set(endpointId, text);
      } catch {
        // The figures' timer tells it again.
        this.told.delete(endpointId);
        return;
      }
    }
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
