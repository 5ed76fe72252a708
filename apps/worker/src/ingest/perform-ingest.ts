import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCodes, type Failure, type StoredFile, VandaError } from '@vanda/contracts';
import {
  countIngestCrashes,
  deliverOutbox,
  failIngest,
  finishIngest,
  type IngestClaim,
  renewIngestLease,
  requeueIngest,
} from '@vanda/records';
import { ProcessCrash } from '../bounded/bounded-process.ts';
import { keepLease } from '../bounded/keep-lease.ts';
import { makeWorkFolder } from '../bounded/work-folder.ts';
import type { WorkerDeps } from '../deps.ts';
import { fetchUploads } from './fetch-uploads.ts';
import { ingestInProcess } from './ingest-process.ts';
import type { IngestResult } from './run-ingest.ts';

/** After so many processes that died over it, it is the data that kills. */
const crashesMax = 3;
/** The store or the disk may be away for a while; who waits for longer is told. */
const triesMax = 100;
const pauseMs = 2000;
const memoryMaxBytes = 4 * 1024 ** 3;
const timeoutMs = 6 * 3_600_000;
/** What lies in the store for longer without a name may be freed at any moment. */
const trustedMs = 30 * 60_000;
const lookAgainMs = 1000;

class LeaseLost extends Error {}

type Progress = { percent: number; note: string; etaSeconds?: number | null };

/**
 * One push from claim to end: fetch the uploads, read them in a process of their own, put what came
 * out into the store, and only then write the version down. Never throws.
 */
export async function performIngest(
  deps: WorkerDeps,
  claim: IngestClaim,
  parentFolder: string,
  stopSignal: AbortSignal,
): Promise<void> {
  const log = deps.log.child({ ingest: claim.ingestId, dataset: claim.dataset });
  const lost = new AbortController();
  const signal = AbortSignal.any([stopSignal, lost.signal]);
  const progress: Progress = { percent: 0, note: 'Fetching' };
  const startedAt = performance.now();
  const heart = keepLease(
    deps,
    () => renewIngestLease(deps.db, claim, deps.config.leaseMs, progress),
    () => lost.abort(new LeaseLost()),
  );
  let folder: string | undefined;
  try {
    folder = await makeWorkFolder(parentFolder, `${claim.ingestId}-${claim.token}`);
    const files = await fetchUploads(deps, claim.uploads, join(folder, 'in'), signal);
    const outDir = join(folder, 'out');
    const result = await ingestInProcess({
      task: {
        files,
        options: claim.options,
        datasetKind: claim.datasetKind ?? undefined,
        projectId: claim.projectId,
        workDir: folder,
        outDir,
      },
      env: deps.config.childEnvironment,
      onProgress: (percent, note) => {
        const passedS = (performance.now() - startedAt) / 1000;
        const etaSeconds = percent < 5 ? null : Math.ceil((passedS * (100 - percent)) / percent);
        Object.assign(progress, { percent, note, etaSeconds });
      },
      signal,
      memoryMaxBytes,
      timeoutMs,
    });
    Object.assign(progress, { percent: 95, note: 'Storing', etaSeconds: null });
    const found = await storeFiles(deps, result.files, outDir, signal);
    const done = await finishIngest(deps.db, claim, result);
    if (done === null) throw new LeaseLost();
    for (const key of done.keys) await deps.objects.delete(key).catch(() => false);
    log.info({ version: done.version, reused: done.reused, ...counts(result) }, 'ingested');
    if (found.length > 0) await storeAgain(deps, found, outDir);
  } catch (error) {
    await end(deps, claim, error, stopSignal.aborted).catch((failed: Error) =>
      log.warn(
        { err: failed.message },
        'the end of a push could not be written; its lease says so',
      ),
    );
    log.info({ err: (error as Error).message }, 'push not ingested');
  } finally {
    heart.stop();
    if (folder) await rm(folder, { recursive: true, force: true }).catch(() => {});
  }
}

/** Answers the files that were in the store already. */
async function storeFiles(
  { objects }: WorkerDeps,
  files: StoredFile[],
  outDir: string,
  signal: AbortSignal,
): Promise<StoredFile[]> {
  const found: StoredFile[] = [];
  for (const file of files) {
    const { key, sha256, bytes } = file;
    const present = await objects.head(key);
    const isFresh = present && Date.now() - present.modifiedAt.getTime() < trustedMs;
    if (isFresh && present.size === bytes) found.push(file);
    else await objects.putFile(key, join(outDir, sha256), { sha256, size: bytes, signal });
  }
  return found;
}

/**
 * Whoever deletes another version of the same content at this very moment may have looked for our
 * name just before it was written, and take the bytes away just after. Here they still are.
 */
async function storeAgain(
  { objects, log }: WorkerDeps,
  files: StoredFile[],
  outDir: string,
): Promise<void> {
  await sleep(lookAgainMs);
  try {
    for (const { key, sha256, bytes } of files) {
      if (await objects.head(key)) continue;
      await objects.putFile(key, join(outDir, sha256), { sha256, size: bytes });
    }
  } catch (error) {
    log.warn({ err: (error as Error).message }, 'shared content could not be looked at again');
  }
}

/** Whose fault it was decides: the user's ends the push, the machine's begins it anew. */
async function end(
  deps: WorkerDeps,
  claim: IngestClaim,
  error: unknown,
  stopping: boolean,
): Promise<void> {
  if (error instanceof LeaseLost) return;
  const { message } = error as Error;
  const failure = failureOf(error);
  if (stopping) {
    await requeueIngest(deps.db, claim, 'the worker stopped');
  } else if (failure !== undefined) {
    await failIngest(deps.db, claim, failure);
  } else if (error instanceof ProcessCrash) {
    const crashes = 1 + (await countIngestCrashes(deps.db, claim));
    const sentence = `Reading the data failed ${crashes} times: ${message}`;
    if (crashes < crashesMax) await requeueIngest(deps.db, claim, message, { crashed: true });
    else await failIngest(deps.db, claim, { kind: 'user', code: 'poisoned', message: sentence });
  } else if (claim.token >= triesMax) {
    await failIngest(deps.db, claim, { kind: 'infra', code: 'unavailable', message });
  } else {
    await sleep(pauseMs);
    await requeueIngest(deps.db, claim, message);
  }
  await deliverOutbox(deps.db, deps.sender.enqueue, { subjectId: claim.ingestId });
}

/** Undefined where another try may end better. */
function failureOf(error: unknown): Failure | undefined {
  if (!(error instanceof VandaError) || errorCodes[error.code].retry) return undefined;
  if (error.code === 'internal') return undefined;
  const kind = error.code === 'timed-out' ? 'timeout' : 'user';
  return { kind, code: error.code, message: error.message };
}

function counts({ receipt }: IngestResult): { accepted: number; rejected: number } {
  return { accepted: receipt.accepted, rejected: receipt.rejected };
}
