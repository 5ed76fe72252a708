import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { errorCodes, type Failure, VandaError } from '@vanda/contracts';
import { keyLayout } from '@vanda/objects';
import {
  deliverOutbox,
  failImport,
  finishImport,
  type ImportClaim,
  type ImportedModel,
  newId,
  type ObjectFacts,
  renewImportLease,
  requeueImport,
} from '@vanda/records';
import { inBoundedProcess, ProcessCrash } from '../bounded/bounded-process.ts';
import { keepLease } from '../bounded/keep-lease.ts';
import { makeWorkFolder } from '../bounded/work-folder.ts';
import type { WorkerDeps } from '../deps.ts';
import type { PushedFile } from '../ingest/archives/collect-entries.ts';
import { fetchUploads } from '../ingest/fetch-uploads.ts';
import { fetchPackage, PackageUnavailable } from './fetch-package.ts';
import type { ImportResult, ImportTask } from './import-task.ts';

const script = fileURLToPath(new URL('./import-child.ts', import.meta.url));
const memoryMaxBytes = 8 * 1024 ** 3;
const timeoutMs = 30 * 60_000;
/** After so many processes that died over it, it is the model that kills. */
const crashesMax = 3;
/** The store or the disk may be away for a while. */
const triesMax = 20;
const pauseMs = 2000;

class LeaseLost extends Error {}

/**
 * One import from claim to end: fetch the uploads (or the package of a backbone), read them in a process of their own,
 * put the artifact into the store, and only then write the version down. Never throws.
 *
 * @param parentFolder Where imports have their work folders.
 */
export async function performImport(
  deps: WorkerDeps,
  claim: ImportClaim,
  parentFolder: string,
  stopSignal: AbortSignal,
): Promise<void> {
  const log = deps.log.child({ import: claim.importId, model: claim.name });
  const lost = new AbortController();
  const signal = AbortSignal.any([stopSignal, lost.signal]);
  let note = 'Fetching';
  const heart = keepLease(
    deps,
    () => renewImportLease(deps.db, claim, deps.config.leaseMs, note),
    () => lost.abort(new LeaseLost()),
  );
  let folder: string | undefined;
  try {
    folder = await makeWorkFolder(parentFolder, `${claim.importId}-${claim.token}`);
    const files = await filesOf(deps, claim, join(folder, 'in'), signal);
    const { backbone, options } = claim;
    const result = await inBoundedProcess<ImportTask, ImportResult>({
      script,
      doing: 'Reading the model',
      task: { files, backbone, options, workDir: folder, engineVersion: deps.version },
      workDir: folder,
      env: deps.config.childEnvironment,
      onProgress: (_, what) => {
        note = what;
      },
      signal,
      memoryMaxBytes,
      timeoutMs,
    });
    note = 'Storing';
    const made = await publish(deps, result, signal);
    const done = await finishImport(deps.db, claim, made);
    if (done === null) throw new LeaseLost();
    for (const key of done.keys) await deps.objects.delete(key).catch(() => false);
    log.info({ version: done.version, format: made.source.format }, 'imported');
  } catch (error) {
    log.info({ err: (error as Error).message }, 'not imported');
    await end(deps, claim, error, stopSignal.aborted).catch((failed: Error) =>
      log.warn(
        { err: failed.message },
        'the end of an import could not be written; its lease says so',
      ),
    );
  } finally {
    heart.stop();
    if (folder) await rm(folder, { recursive: true, force: true }).catch(() => {});
  }
}

/** Uploads are preferred: who brings a package has a reason to. */
function filesOf(
  deps: WorkerDeps,
  { backbone, uploads }: ImportClaim,
  folder: string,
  signal: AbortSignal,
): Promise<PushedFile[]> {
  return backbone !== null && uploads.length === 0
    ? fetchPackage(backbone, folder, deps.config.childEnvironment, signal)
    : fetchUploads(deps, uploads, folder, signal);
}

/** Under the id that the version will have; nothing names these objects until success is written down. */
async function publish(
  { objects, version: engineVersion }: WorkerDeps,
  { signature, source, graph, weights, archive }: ImportResult,
  signal: AbortSignal,
): Promise<ImportedModel> {
  const versionId = newId('mdv');
  const put = async (name: string, path: string): Promise<ObjectFacts> => {
    const key = keyLayout.modelFile(versionId, name);
    const { sha256, size } = await objects.putFile(key, path, { signal });
    return { key, sha256, bytes: size };
  };
  return {
    versionId,
    graph: await put('model.json', graph),
    weights: await put('weights.safetensors', weights),
    archive: await put('model.vanda', archive),
    engineVersion,
    signature,
    source,
  };
}

/** Whose fault it was decides: the model's ends the import, the machine's begins it anew. */
async function end(
  { db, sender }: WorkerDeps,
  claim: ImportClaim,
  error: unknown,
  stopping: boolean,
): Promise<void> {
  if (error instanceof LeaseLost) return;
  const { message } = error as Error;
  const failure = failureOf(error, claim);
  if (stopping) {
    await requeueImport(db, claim, 'the worker stopped');
  } else if (failure !== null) {
    await failImport(db, claim, failure);
  } else {
    await sleep(pauseMs);
    await requeueImport(db, claim, message);
  }
  await deliverOutbox(db, sender.enqueue, { subjectId: claim.importId });
}

/** Null where another try may end better. */
function failureOf(error: unknown, { token }: ImportClaim): Failure | null {
  const { message } = error as Error;
  if (error instanceof PackageUnavailable) return { kind: 'infra', code: 'unavailable', message };
  if (error instanceof VandaError && !errorCodes[error.code].retry) {
    const kind = error.code === 'timed-out' ? 'timeout' : 'user';
    return { kind, code: error.code, message };
  }
  if (error instanceof ProcessCrash && token >= crashesMax) {
    const sentence = `Reading the model failed ${token} times: ${message}`;
    return { kind: 'user', code: 'poisoned', message: sentence };
  }
  return token < triesMax ? null : { kind: 'infra', code: 'unavailable', message };
}
