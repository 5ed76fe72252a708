import type { ObjectStore } from '@vanda/objects';
import type { Database } from '@vanda/records';
import type { Logger } from 'pino';
import type { Authentication } from './accounts/authentication.ts';
import type { Config } from './config.ts';
import type { Doorbell } from './doorbell.ts';
import type { ApiMetrics } from './http/api-metrics.ts';
import type { ChangeFeed } from './http/change-feed.ts';
import type { Comparisons } from './models/comparison/comparisons.ts';

/** What the process has, made once at its start and handed down. */
export interface Deps {
  config: Config;
  log: Logger;
  db: Database;
  objects: ObjectStore;
  doorbell: Doorbell;
  changes: ChangeFeed;
  authentication: Authentication;
  metrics: ApiMetrics;
  comparisons: Comparisons;
  /** Aborted when the server stops. */
  stopping: AbortSignal;
}
