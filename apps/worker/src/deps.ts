import type { ObjectStore } from '@vanda/objects';
import type { QueueSender } from '@vanda/queue';
import type { Database } from '@vanda/records';
import type { Logger } from 'pino';
import type { WorkerConfig } from './config.ts';

/** What the process has, made once at its start and handed down to its roles. */
export interface WorkerDeps {
  config: WorkerConfig;
  /** As announced in the table of workers. */
  workerId: string;
  /** The version of this program, written into models as their engine's. */
  version: string;
  log: Logger;
  db: Database;
  objects: ObjectStore;
  sender: QueueSender;
}

/** A role that has started: `startTrainRole(deps)`, `startIngestRole(deps)`, `startServeRole(deps)` answer one. */
export interface Role {
  /** How many slots are taken; of roles that have none, 0. */
  busy(): number;
  /** What the line that says "ready" tells besides, such as the port. */
  details?: Record<string, unknown>;
  /** An ordered end: takes nothing new, hands back what it has, and resolves when all is written down. */
  stop(): Promise<void>;
}
