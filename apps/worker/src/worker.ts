import { openObjectStore } from '@vanda/objects';
import { openSender } from '@vanda/queue';
import { newId, openDatabase } from '@vanda/records';
import { destination, pino } from 'pino';
import packageJson from '../package.json' with { type: 'json' };
import { announce } from './announce.ts';
import type { RoleName, WorkerConfig } from './config.ts';
import type { Role, WorkerDeps } from './deps.ts';
import { startUpkeep } from './upkeep/upkeep.ts';

/** Loaded only where the role is played: an inference server has no use for DuckDB, a trainer none for HTTP. */
const roles: Record<RoleName, (deps: WorkerDeps) => Promise<Role>> = {
  train: async (deps) => {
    const training = await (await import('./training/train-role.ts')).startTrainRole(deps);
    const exporting = await (await import('./exporting/export-role.ts')).startExporting(deps);
    const importing = await (await import('./importing/import-role.ts')).startImporting(deps);
    const stop = async () =>
      void (await Promise.all([training.stop(), exporting.stop(), importing.stop()]));
    return { ...training, stop };
  },
  ingest: async (deps) => (await import('./ingest/ingest-role.ts')).startIngestRole(deps),
  serve: async (deps) => (await import('./serving/serve-role.ts')).startServeRole(deps),
};

export interface RunningWorker {
  details: Record<string, unknown>;
  stop(): Promise<void>;
}

export async function startWorker(config: WorkerConfig): Promise<RunningWorker> {
  // Standard output says one thing, when the worker is ready; the log goes the other way.
  const workerId = newId('wrk');
  const log = pino({ level: config.log, base: { worker: workerId } }, destination(2));
  const db = openDatabase(config.databaseUrl);
  const objects = await openObjectStore({
    url: config.objects,
    secret: config.secret,
    publicUrl: config.publicUrl,
  });
  let redisWorks = true;
  const sender = openSender(config.redisUrl, {
    onError: (error) => {
      if (redisWorks) log.warn({ err: error.message }, 'Redis cannot be reached');
      redisWorks = false;
      setTimeout(() => {
        redisWorks = true;
      }, 10_000).unref();
    },
  });
  const version = packageJson.version;
  const deps: WorkerDeps = { config, workerId, version, log, db, objects, sender };
  const playing: Role[] = [];
  const announced = await announce(deps, () => playing.reduce((sum, role) => sum + role.busy(), 0));
  for (const name of config.roles) playing.push(await roles[name](deps));
  const upkeep = config.roles.some((name) => name !== 'serve') ? startUpkeep(deps) : null;
  log.info({ roles: config.roles, slots: config.slots, threads: config.threads }, 'ready');
  return {
    details: Object.assign(
      { worker: workerId, roles: config.roles },
      ...playing.map((role) => role.details),
    ),
    async stop() {
      log.info('stopping');
      await Promise.all([...playing.map((role) => role.stop()), upkeep?.stop()]);
      await announced.stop();
      await sender.close();
      await objects.close();
      await db.$disconnect();
      log.info('stopped');
    },
  };
}
