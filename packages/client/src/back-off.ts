const firstMs = 250;
const longestMs = 8_000;

/** Waits before try number `tried + 2`: doubling with jitter, never less than `atLeastMs`. Rejects when aborted. */
export async function pause(tried: number, signal?: AbortSignal, atLeastMs = 0): Promise<void> {
  const ms = Math.min(longestMs, firstMs * 2 ** tried) * (0.5 + Math.random() / 2);
  await sleep(Math.max(ms, atLeastMs), signal);
}

export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const aborted = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', aborted);
      resolve();
    }, ms);
    signal?.addEventListener('abort', aborted, { once: true });
  });
}
