import type { Ingest, JobView } from '@vanda/contracts';
import { sleep } from './back-off.ts';
import type { Client } from './create-client.ts';
import type { ServerEvent } from './events.ts';

const firstPollMs = 200;
const longestPollMs = 2_000;

/** Long waits outlive a server's restart: some five minutes of tries rather than seconds of them. */
const patientRetries = 50;

/** Until a push has ended, well or not; look at its state. */
export async function waitForIngest(
  client: Client,
  id: string,
  options: { signal?: AbortSignal; onProgress?: (ingest: Ingest) => void } = {},
): Promise<Ingest> {
  for (let pollMs = firstPollMs; ; pollMs = Math.min(longestPollMs, pollMs * 1.3)) {
    const ingest = await client.ingests.get(
      { params: { id } },
      { signal: options.signal, retries: patientRetries },
    );
    options.onProgress?.(ingest);
    if (ingest.state === 'succeeded' || ingest.state === 'failed') return ingest;
    await sleep(pollMs, options.signal);
  }
}

const jobEnds: ReadonlySet<string> = new Set(['succeeded', 'failed', 'cancelled']);

export function hasEnded(job: Pick<JobView, 'state'>): boolean {
  return jobEnds.has(job.state);
}

/**
 * Until a job has ended, well or not; look at its state. Follows its events, and looks itself now and then, so that
 * neither a lost event nor a proxy that holds streams back keeps it waiting.
 */
export async function waitForJob(
  client: Client,
  id: string,
  options: {
    signal?: AbortSignal;
    onJob?: (job: JobView) => void;
    onEvent?: (event: ServerEvent) => void;
  } = {},
): Promise<JobView> {
  const done = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, done.signal]) : done.signal;
  const seen = (job: JobView) => {
    if (!done.signal.aborted) options.onJob?.(job);
    return hasEnded(job);
  };
  const watch = async (): Promise<boolean> => {
    try {
      for await (const event of client.jobs.events({ params: { id } }, { signal })) {
        if (done.signal.aborted) return false;
        options.onEvent?.(event);
        if (event.event === 'job' && seen(event.data as JobView)) return true;
      }
    } catch {
      // Polling goes on, and says what is wrong if it lasts.
    }
    return false;
  };
  const poll = async (): Promise<void> => {
    for (let pollMs = firstPollMs; ; pollMs = Math.min(longestPollMs, pollMs * 1.5)) {
      const job = await client.jobs.get({ params: { id } }, { signal, retries: patientRetries });
      if (seen(job)) return;
      await sleep(pollMs, signal);
    }
  };
  const polling = poll();
  // A stream that ends or fails early must not end the wait: only the end of the job does.
  const watching = watch().then((ended) => (ended ? undefined : polling));
  polling.catch(() => {});
  watching.catch(() => {});
  try {
    await Promise.race([polling, watching]);
    return await client.jobs.get(
      { params: { id } },
      { signal: options.signal, retries: patientRetries },
    );
  } finally {
    done.abort(new Error('done'));
  }
}
