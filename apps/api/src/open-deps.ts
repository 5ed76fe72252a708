import { openObjectStore } from '@vanda/objects';
import { openDatabase } from '@vanda/records';
import type { Logger } from 'pino';
import { openAuthentication } from './accounts/authentication.ts';
import type { Config } from './config.ts';
import type { Deps } from './deps.ts';
import { openDoorbell } from './doorbell.ts';
import { openMetrics } from './http/api-metrics.ts';
import { openChangeFeed } from './http/change-feed.ts';
import { Comparisons } from './models/comparison/comparisons.ts';

/** Opens everything that the API needs; `close` ends it in the opposite order. */
export async function openDeps(
  config: Config,
  log: Logger,
): Promise<{ deps: Deps; stop(): void; close(): Promise<void> }> {
  const stopping = new AbortController();
  const db = openDatabase(config.databaseUrl, { connectionsMax: 20 });
  const objects = await openObjectStore({
    url: config.objects,
    secret: config.secret,
    publicUrl: () => config.publicUrl,
  });
  const browsers = await objects.allowBrowsers?.(new URL(config.publicUrl).origin);
  if (browsers?.allowed === false) log.warn(browsers.advice);
  const doorbell = openDoorbell(config.redisUrl, db, log);
  const changes = openChangeFeed(config.databaseUrl);
  const deps: Deps = {
    config,
    log,
    db,
    objects,
    doorbell,
    changes,
    authentication: openAuthentication(db, config, log),
    metrics: openMetrics(db),
    comparisons: new Comparisons(objects),
    stopping: stopping.signal,
  };
  return {
    deps,
    stop: () => stopping.abort(),
    async close() {
      await Promise.allSettled([changes.close(), doorbell.close(), objects.close()]);
      await db.$disconnect();
    },
  };
}
