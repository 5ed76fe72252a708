import {
  deliverOutbox,
  expireLeases,
  expireUploads,
  forgetAnswers,
  forgetSentMessages,
  forgetWorkers,
  ringAgain,
} from '@vanda/records';
import type { WorkerDeps } from '../deps.ts';
import { freeCheckpoints } from '../training/checkpoint-keeper.ts';
import { freePreviews } from '../training/preview-keeper.ts';
import { freeUnnamedObjects } from './unnamed-objects.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
/** A waiting job that had no doorbell for this long gets another: Redis may have lost the first. */
const quietMs = 3000;

/**
 * What must happen even when nobody asks for it. Every worker does all of it, so that any one of them is enough;
 * rows are taken with SKIP LOCKED or changed so that twice is once.
 */
export function startUpkeep(deps: WorkerDeps): { stop(): Promise<void> } {
  const { db, log, objects, sender } = deps;
  const running = new Set<Promise<void>>();
  const timers: NodeJS.Timeout[] = [];
  const every = (ms: number, what: string, work: () => Promise<unknown>, firstMs = ms) => {
    let busy = false;
    const tick = () => {
      if (busy) return;
      busy = true;
      const done: Promise<void> = work()
        .then(
          () => {},
          (error: Error) => log.warn({ err: error.message }, `${what} waits`),
        )
        .finally(() => {
          busy = false;
          running.delete(done);
        });
      running.add(done);
    };
    // Workers that were started together need not all look at the same moment.
    timers.push(setTimeout(tick, firstMs * (0.5 + Math.random())));
    timers.push(setInterval(tick, ms));
  };
  const deliver = async () => {
    const { error } = await deliverOutbox(db, sender.enqueue);
    if (error) log.debug({ err: error.message }, 'doorbells wait');
  };
  every(1000, 'taking back leases', async () => {
    const jobs = await expireLeases(db);
    if (jobs.length === 0) return;
    log.warn({ jobs }, 'taken back from workers that were lost');
    await deliver();
  });
  every(1000, 'sending the outbox', deliver);
  every(1500, 'ringing again', () => ringAgain(db, quietMs));
  every(minuteMs, 'freeing checkpoints', () => freeCheckpoints(deps));
  every(minuteMs, 'freeing previews', () => freePreviews(deps));
  every(minuteMs, 'expiring uploads', async () => {
    for (const upload of await expireUploads(db)) {
      if (upload.wasOpen) await objects.abortMultipart(upload.objectKey, upload.storeUploadId);
      else await objects.delete(upload.objectKey);
    }
  });
  every(10 * minuteMs, 'forgetting', async () => {
    await forgetSentMessages(db, hourMs);
    await forgetAnswers(db, new Date(Date.now() - 24 * hourMs));
    await forgetWorkers(db, 7 * 24 * hourMs);
  });
  every(5 * minuteMs, 'freeing unnamed bytes', async () => {
    const freed = await freeUnnamedObjects(db, objects);
    if (freed.length > 0) log.info({ count: freed.length }, 'freed objects that nothing names');
    await objects.reap({ tempOlderThanMs: 24 * hourMs, multipartOlderThanMs: 8 * 24 * hourMs });
  });
  return {
    async stop() {
      for (const timer of timers) clearTimeout(timer);
      await Promise.all(running);
    },
  };
}
