import type { WorkerDeps } from '../deps.ts';

/**
 * Renews a lease for as long as the work takes. `onLost` is called when the lease has moved on, or when it may have run
 * out because nobody could be asked.
 *
 * @param renew Extends the lease in Postgres; false when it has moved on.
 */
export function keepLease(
  { config: { leaseMs }, log }: WorkerDeps,
  renew: () => Promise<boolean>,
  onLost: () => void,
): { stop(): void } {
  let heldUntil = performance.now() + leaseMs;
  let busy = false;
  const beat = async () => {
    if (performance.now() > heldUntil) return onLost();
    if (busy) return;
    busy = true;
    const askedAt = performance.now();
    try {
      if (await renew()) heldUntil = askedAt + leaseMs;
      else onLost();
    } catch (error) {
      log.warn({ err: (error as Error).message }, 'a lease cannot be renewed now');
    } finally {
      busy = false;
    }
  };
  const timer = setInterval(() => void beat(), Math.min(1000, leaseMs / 4));
  return { stop: () => clearInterval(timer) };
}
