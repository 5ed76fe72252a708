import { setTimeout as sleep } from 'node:timers/promises';
import type { Deps } from '../deps.ts';

const askAgainMs = 100;

/**
 * Waits until a live inference server has this ledger entry ready (or says that it cannot), so that whoever deployed
 * can call the endpoint at once. Gives up after the deployment wait: the endpoint says `loading` or `no-server` then.
 */
export async function untilServed(
  deps: Deps,
  endpointId: string,
  seq: number,
  signal: AbortSignal,
): Promise<void> {
  const end = Date.now() + deps.config.limits.deployWaitMs;
  while (Date.now() < end && !signal.aborted) {
    const rows = await deps.db.$queryRaw<{ state: string }[]>`
      SELECT s.state FROM endpoint_serving s JOIN workers w ON w.id = s.worker_id
      WHERE s.endpoint_id = ${endpointId} AND s.seq >= ${seq} AND w.stopped_at IS NULL`;
    if (rows.some((row) => row.state === 'ready')) return;
    if (rows.length > 0 && rows.every((row) => row.state === 'failed')) return;
    await sleep(askAgainMs);
  }
}
