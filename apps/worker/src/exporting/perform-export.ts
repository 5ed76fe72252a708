import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { errorCodes, exportFormats, type Failure, VandaError } from '@vanda/contracts';
import { keyLayout } from '@vanda/objects';
import {
  deliverOutbox,
  type ExportClaim,
  failExport,
  findVersionFiles,
  finishExport,
  renewExportLease,
  requeueExport,
} from '@vanda/records';
import { inBoundedProcess, ProcessCrash } from '../bounded/bounded-process.ts';
import { keepLease } from '../bounded/keep-lease.ts';
import { makeWorkFolder } from '../bounded/work-folder.ts';
import type { WorkerDeps } from '../deps.ts';
import type { DatasetCache } from '../training/dataset-cache.ts';
import { fetchArtifact, fetchChecked } from '../training/fetch-artifact.ts';
import type { ExportResult, ExportTask } from './export-task.ts';
import { filesToSample } from './files-to-sample.ts';

export interface ExportDeps extends WorkerDeps {
  cache: DatasetCache;
  /** Where exports have their work folders. */
  folder: string;
}

const script = fileURLToPath(new URL('./export-child.ts', import.meta.url));
const memoryMaxBytes = 8 * 1024 ** 3;
const timeoutMs = 3_600_000;
/** After so many processes that died over it, it is the model that kills. */
const crashesMax = 3;
/** The store or the disk may be away for a while. */
const triesMax = 20;
const pauseMs = 2000;

class LeaseLost extends Error {}

/**
 * One export from claim to end: fetch the model and its data, make the other format in a process of its own,
 * put it into the store, and only then write it down. Never throws.
 */
export async function performExport(
  deps: ExportDeps,
  claim: ExportClaim,
  stopSignal: AbortSignal,
): Promise<void> {
  const log = deps.log.child({ export: claim.exportId, what: claim.label });
  const lost = new AbortController();
  const signal = AbortSignal.any([stopSignal, lost.signal]);
  const heart = keepLease(
    deps,
    () => renewExportLease(deps.db, claim, deps.config.leaseMs),
    () => lost.abort(new LeaseLost()),
  );
  let folder: string | undefined;
  try {
    folder = await makeWorkFolder(deps.folder, `${claim.exportId}-${claim.token}`);
    const task = await fetchInputs(deps, claim, folder, signal);
    const result = await inBoundedProcess<ExportTask, ExportResult>({
      script,
      doing: 'Exporting the model',
      task,
      workDir: folder,
      env: deps.config.childEnvironment,
      onProgress: () => {},
      signal,
      memoryMaxBytes,
      timeoutMs,
    });
    // Its key carries the token: a try that died in between must not be overwritten under a live name.
    const filename = `${claim.format}-${claim.token}.${exportFormats[claim.format].extension}`;
    const key = keyLayout.modelFile(claim.modelVersionId, filename);
    const stored = await deps.objects.putFile(key, result.path, { signal });
    const file = { key, sha256: stored.sha256, bytes: stored.size };
    const done = await finishExport(deps.db, claim, { file, report: result.report });
    if (!done) throw new LeaseLost();
    log.info({ bytes: file.bytes }, 'exported');
  } catch (error) {
    log.info({ err: (error as Error).message }, 'not exported');
    await end(deps, claim, error, stopSignal.aborted).catch((failed: Error) =>
      log.warn(
        { err: failed.message },
        'the end of an export could not be written; its lease says so',
      ),
    );
  } finally {
    heart.stop();
    if (folder) await rm(folder, { recursive: true, force: true }).catch(() => {});
  }
}

async function fetchInputs(
  { db, objects, cache }: ExportDeps,
  claim: ExportClaim,
  folder: string,
  signal: AbortSignal,
): Promise<ExportTask> {
  const files = await findVersionFiles(db, claim.modelVersionId);
  if (files === null) {
    throw new VandaError('not-found', `${claim.label}: the model version was deleted.`);
  }
  const artifact = join(folder, 'model');
  const outDir = join(folder, 'out');
  await mkdir(outDir);
  await fetchArtifact(objects, files, artifact, signal);
  const data = await fetchSamples({ objects, cache }, claim, folder, signal);
  return { artifact, data, format: claim.format, outDir };
}

/** What the export is compared on; null where the model was imported and nobody knows its data. */
async function fetchSamples(
  { objects, cache }: Pick<ExportDeps, 'objects' | 'cache'>,
  { profile, splits, target }: ExportClaim,
  folder: string,
  signal: AbortSignal,
): Promise<ExportTask['data']> {
  if (profile === null) return null;
  const chosen = filesToSample(profile.files);
  const stored = chosen.map(({ file }) => file);
  const paths = await cache.provide(stored, join(folder, 'data'), signal);
  const files = chosen.map(({ file, from }, i) => ({
    path: paths[i] ?? '',
    from,
    items: file.items,
  }));
  const path = join(folder, 'splits.parquet');
  if (splits) await fetchChecked(objects, splits, path, signal);
  const column = profile.kind === 'table' && profile.columns.find(({ name }) => name === target);
  return {
    files,
    splits: splits && path,
    target: column ? { name: column.name, type: column.type } : null,
  };
}

/** Whose fault it was decides: the model's ends the export, the machine's begins it anew. */
async function end(
  { db, sender }: ExportDeps,
  claim: ExportClaim,
  error: unknown,
  stopping: boolean,
): Promise<void> {
  if (error instanceof LeaseLost) return;
  const { message } = error as Error;
  const failure = failureOf(error, claim);
  if (stopping) {
    await requeueExport(db, claim, 'the worker stopped');
  } else if (failure !== null) {
    await failExport(db, claim, failure);
  } else {
    await sleep(pauseMs);
    await requeueExport(db, claim, message);
  }
  await deliverOutbox(db, sender.enqueue, { subjectId: claim.exportId });
}

/** Null where another try may end better. */
function failureOf(error: unknown, { token }: ExportClaim): Failure | null {
  const { message } = error as Error;
  if (error instanceof VandaError && !errorCodes[error.code].retry) {
    const kind = error.code === 'timed-out' ? 'timeout' : 'user';
    return { kind, code: error.code, message };
  }
  if (error instanceof ProcessCrash && token >= crashesMax) {
    const sentence = `Exporting the model failed ${token} times: ${message}`;
    return { kind: 'user', code: 'poisoned', message: sentence };
  }
  return token < triesMax ? null : { kind: 'infra', code: 'unavailable', message };
}
