import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { ObjectStore } from '@vanda/objects';
import { type Database, findJobServable, listen, withdrawServing } from '@vanda/records';
import { ArtifactCache } from './artifact-cache.ts';
import { Authenticator } from './authenticate.ts';
import { CrashMarks } from './crash-marks.ts';
import { InferenceServer } from './inference-server.ts';
import { JobTrials, type TrialLimits } from './job-trials.ts';
import { LedgerFollower } from './ledger-follower.ts';
import type { BatcherOptions } from './micro-batcher.ts';
import { ServedEndpoints } from './served-endpoints.ts';
import { ServingMetrics } from './serving-metrics.ts';
import { ServingReporter } from './serving-reporter.ts';
import { type LoadPredictor, VersionPool } from './version-pool.ts';

export interface ServingDeps {
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
  /** Of models that are tried before they are deployed. */
  trials?: Partial<TrialLimits>;
}

export interface RunningServing {
  /** Where it listens. */
  url: string;
  /** Lets what is under way finish. */
  close(): Promise<void>;
}

const pollMs = 2_000;
const figuresMs = 5_000;
const drainMs = 10_000;

/** The inference server: serves what the ledgers in Postgres say, and goes on with what it has while Postgres is away. */
export async function startServing(deps: ServingDeps): Promise<RunningServing> {
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
  const reporter = new ServingReporter(deps);
  const endpoints = new ServedEndpoints(pool, (served) => {
    const { target, state, error } = served;
    const fields = { endpoint: target.name, seq: target.seq, state };
    if (state === 'failed') log.error({ ...fields, error }, 'An endpoint could not be loaded.');
    else log.info(fields, `The endpoint ${target.name} is ${state}.`);
    reporter.changed(served);
  });
  const follower = new LedgerFollower(deps, endpoints);
  const findServable = (projectId: string, jobId: string) => findJobServable(db, projectId, jobId);
  const trials = new JobTrials(findServable, pool, cache, deps.trials);
  const server = new InferenceServer({
    endpoints,
    trials,
    authenticator: new Authenticator(db, deps.secret),
    metrics,
    logError: (error, sentence) => log.error({ err: error }, sentence),
  });
  // Before the port opens: a client that comes at once after a restart finds what was served before.
  await follower.look();
  await Promise.race([endpoints.settled(), sleep(5_000)]);
  const used = endpoints.all().flatMap(({ target }) => target.versions);
  await cache.prune(new Set(used.map((version) => version.id)));
  const address = await server.listen(deps.host, deps.port);
  const listening = listen(
    deps.databaseUrl,
    ['vanda_endpoints'],
    () => void follower.look(),
    () => void follower.look(),
  );
  const polling = setInterval(() => void follower.look(), pollMs);
  const figures = setInterval(() => {
    reporter.figures(endpoints.all());
    trials.letIdleGo();
  }, figuresMs);
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
      trials.close();
      await reporter.idle();
      await withdrawServing(db, workerId).catch(() => {});
    },
  };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
