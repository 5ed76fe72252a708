import { join } from 'node:path';
import { loadPredictor } from '@vanda/estimators/serving';
import type { Role, WorkerDeps } from '../deps.ts';
import { startServing } from './start-serving.ts';

/** The inference server as a role of the worker. A crash in native code ends the process; its supervisor starts it again. */
export async function startServeRole(deps: WorkerDeps): Promise<Role> {
  const { config, db, log, objects, workerId } = deps;
  const serving = await startServing({
    db,
    databaseUrl: config.databaseUrl,
    objects,
    workerId,
    host: config.host,
    port: config.inferencePort,
    secret: config.secret,
    cacheFolder: join(config.home, 'serving'),
    log: log.child({ role: 'serve' }),
    threads: config.threads,
    loadPredictor,
  });
  log.info({ url: serving.url }, 'The inference server listens.');
  return { busy: () => 0, details: { inferenceUrl: serving.url }, stop: () => serving.close() };
}
