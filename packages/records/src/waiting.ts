import type { Tx } from './database.ts';
import { liveWorkers, type WorkerRow } from './workers.ts';

export interface WaitingJob {
  id: string;
  state: string;
  device: string;
}

/** Why each of these jobs waits, in words like "third in the queue"; null for one that does not wait. */
export async function explainWaiting(
  tx: Tx,
  jobs: WaitingJob[],
): Promise<Map<string, string | null>> {
  const reasons = new Map<string, string | null>(jobs.map((job) => [job.id, null]));
  const waiting = jobs.filter((job) => job.state === 'queued');
  if (waiting.length === 0) return reasons;
  const workers = (await liveWorkers(tx)).filter((worker) => worker.roles.includes('train'));
  const places = await placesInQueue(
    tx,
    waiting.map((job) => job.id),
  );
  for (const job of waiting) {
    reasons.set(job.id, explain(job, workers, places.get(job.id)));
  }
  return reasons;
}

interface Place {
  /** 1 is next. */
  place: number;
  /** Seconds until it may start again after a failure; 0 or less is now. */
  delay: number;
}

async function placesInQueue(tx: Tx, ids: string[]): Promise<Map<string, Place>> {
  const rows = await tx.$queryRaw<({ id: string } & Place)[]>`
    SELECT * FROM (
      SELECT id,
        rank() OVER (PARTITION BY device ORDER BY priority DESC, created_at, id)::int AS place,
        ceil(extract(epoch FROM not_before - now()) - 0.05)::int AS delay
      FROM jobs WHERE state = 'queued') queue
    WHERE id = ANY(${ids})`;
  return new Map(rows.map((row) => [row.id, row]));
}

function explain(job: WaitingJob, workers: WorkerRow[], place: Place | undefined): string | null {
  if (place === undefined) return null;
  if (workers.length === 0) return 'no live worker trains jobs';
  const able = workers.filter((worker) => worker.devices.includes(job.device));
  if (able.length === 0) return `no live worker offers a ${job.device}`;
  if (place.delay > 0) return `tried again in ${place.delay} s after a failure`;
  const free = able.reduce((sum, worker) => sum + Math.max(0, worker.slots - worker.busy), 0);
  if (place.place <= free) return 'about to start';
  const slots = able.length === 1 ? '1 worker' : `${able.length} workers`;
  return place.place === 1
    ? `first in the queue, waiting for a free slot on ${slots}`
    : `${ordinal(place.place)} in the queue`;
}

const ordinals = [
  'first',
  'second',
  'third',
  'fourth',
  'fifth',
  'sixth',
  'seventh',
  'eighth',
  'ninth',
  'tenth',
];

function ordinal(place: number): string {
  const word = ordinals[place - 1];
  if (word !== undefined) return word;
  const teens = place % 100 >= 11 && place % 100 <= 13;
  const ending = teens ? 'th' : (['th', 'st', 'nd', 'rd'][place % 10] ?? 'th');
  return `${place}${ending}`;
}
