import { hostname } from 'node:os';
import { announceWorker, retireWorker, workerBeats } from '@vanda/records';
import type { WorkerDeps } from './deps.ts';

const beatMs = 3000;
const lookMs = 250;

/**
 * Tells the others that this worker is there and what it offers, until it stops: every few seconds, and at once when a
 * slot was taken or freed, since jobs say why they wait by it.
 */
export async function announce(
  deps: WorkerDeps,
  busy: () => number,
): Promise<{ stop(): Promise<void> }> {
  const { config, db, log, workerId } = deps;
  await announceWorker(db, {
    id: workerId,
    hostname: hostname(),
    pid: process.pid,
    roles: config.roles,
    labels: config.labels,
    // What the engine's backends can train on today.
    devices: ['cpu'],
    slots: config.roles.includes('train') ? config.slots : 0,
    version: deps.version,
  });
  let said = 0;
  let saidAt = performance.now();
  let beating: Promise<void> | null = null;
  const look = () => {
    const now = performance.now();
    if (beating !== null || (busy() === said && now - saidAt < beatMs)) return;
    said = busy();
    saidAt = now;
    beating = workerBeats(db, workerId, said)
      .catch((error: Error) => log.warn({ err: error.message }, 'the heartbeat was not written'))
      .finally(() => {
        beating = null;
      });
  };
  const timer = setInterval(look, lookMs);
  return {
    async stop() {
      clearInterval(timer);
      await beating;
      await retireWorker(db, workerId).catch(() => {});
    },
  };
}
