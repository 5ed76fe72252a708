import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type CompletedSpec, parseVersionedName, VandaError } from '@vanda/contracts';
import type { ObjectStore } from '@vanda/objects';
import { type Database, findModelVersion, findVersionFiles, type ServedFile } from '@vanda/records';

/** Brings a stored file to a path and checks it by its hash. */
export async function fetchChecked(
  objects: ObjectStore,
  file: { key: string; sha256: string },
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const { sha256 } = await objects.getFile(file.key, path, { signal });
  if (sha256 === file.sha256) return;
  throw new VandaError('checksum-mismatch', `The stored file ${file.key} is damaged.`);
}

/** Brings a model version's files into a folder. */
export async function fetchArtifact(
  objects: ObjectStore,
  files: { graph: ServedFile; weights: ServedFile },
  into: string,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(into, { recursive: true });
  await fetchChecked(objects, files.graph, join(into, 'model.json'), signal);
  await fetchChecked(objects, files.weights, join(into, 'weights.safetensors'), signal);
}

/**
 * The base of a retraining, in a folder; null for what has none.
 *
 * @throws VandaError not-found where it was deleted since the job was submitted.
 */
export async function fetchBase(
  { db, objects }: { db: Database; objects: ObjectStore },
  { projectId, spec }: { projectId: string; spec: CompletedSpec },
  into: string,
  signal: AbortSignal,
): Promise<string | null> {
  if (spec.model.kind !== 'retrain') return null;
  const { base } = spec.model;
  const { name, version } = parseVersionedName(base);
  const row = await findModelVersion(db, projectId, name, version);
  const files = row && (await findVersionFiles(db, row.id));
  if (files === null) {
    throw new VandaError(
      'not-found',
      `The model ${base}, which this job builds on, was deleted: submit it with another base.`,
    );
  }
  await fetchArtifact(objects, files, into, signal);
  return into;
}
