import { ObjectStoreError } from './object-store-error.ts';

/**
 * Every key in the store is made here, from ids and hashes that the server made: no filename,
 * label or dataset name ever becomes part of a key.
 *
 *   uploads/<uploadId>              bytes as a client sent them; freed after ingest or by retention
 *   datasets/<projectId>/<sha256>   content-addressed: shards, tables, manifests, previews
 *   jobs/<jobId>/<file>             what a job leaves beside its model, such as splits.parquet
 *   previews/<previewId>/<file>     a model to try while its job still trains; freed when a better one comes
 *   models/<versionId>/<file>       model.json, weights.safetensors
 *   checkpoints/<attemptId>/<file>  freed by retention
 */
export const keyLayout = {
  upload: (uploadId: string) => checked(`uploads/${uploadId}`),
  datasetContent: (projectId: string, sha256: string) => checked(`datasets/${projectId}/${sha256}`),
  jobFile: (jobId: string, file: string) => checked(`jobs/${jobId}/${file}`),
  previewFile: (previewId: string, file: string) => checked(`previews/${previewId}/${file}`),
  modelFile: (versionId: string, file: string) => checked(`models/${versionId}/${file}`),
  checkpointFile: (attemptId: string, file: string) => checked(`checkpoints/${attemptId}/${file}`),
} as const;

/** All first segments, so that an audit can walk the store. */
export const keyPrefixes = [
  'uploads/',
  'datasets/',
  'jobs/',
  'previews/',
  'models/',
  'checkpoints/',
] as const;

const keyPattern = /^[a-z]+(?:\/[A-Za-z0-9][A-Za-z0-9._-]{0,127}){1,4}$/;

export function isObjectKey(key: string): boolean {
  return keyPattern.test(key);
}

function checked(key: string): string {
  assertObjectKey(key);
  return key;
}

export function assertObjectKey(key: string): void {
  if (isObjectKey(key)) return;
  throw new ObjectStoreError(
    'key-invalid',
    `"${key.slice(0, 200)}" is not an object key. Keys are made by the server: ` +
      'segments of letters, digits, ".", "_" and "-", at most 128 characters each.',
  );
}
