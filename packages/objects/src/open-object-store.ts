import { isAbsolute } from 'node:path';
import { DiskObjectStore } from './disk/disk-store.ts';
import { ObjectStoreError } from './object-store-error.ts';
import type { ObjectStore } from './port.ts';
import { S3ObjectStore } from './s3/s3-store.ts';

export type ObjectStoreConfig = {
  /**
   * `disk:/absolute/folder`, or
   * `s3://bucket?endpoint=http://host:port&region=us-east-1&pathStyle=1&publicEndpoint=https://...`.
   */
  url: string;
  /** Disk only: signs the URLs. At least 32 characters. */
  secret?: string;
  /** Disk only: where the API mounts the routes, such as `http://127.0.0.1:3000`. */
  publicUrl?: string | (() => string);
  /** S3 only; without them the SDK looks where it always does (environment, profile, instance). */
  credentials?: { accessKeyId: string; secretAccessKey: string };
};

/** Checks the configuration and that the store can be reached, so that a mistake fails at start. */
export async function openObjectStore(config: ObjectStoreConfig): Promise<ObjectStore> {
  const store = config.url.startsWith('disk:') ? disk(config) : s3(config);
  await store.prepare();
  return store;
}

function disk(config: ObjectStoreConfig): DiskObjectStore {
  const folder = config.url.slice('disk:'.length);
  if (!isAbsolute(folder)) {
    throw misconfigured(
      `"${config.url}" needs an absolute folder, such as disk:/var/lib/vanda/objects`,
    );
  }
  if (config.secret === undefined || config.secret.length < 32) {
    throw misconfigured(
      'the disk store signs its URLs and needs a secret of 32 characters or more',
    );
  }
  if (config.publicUrl === undefined) {
    throw misconfigured(
      'the disk store needs the public URL of the API, which its signed URLs name',
    );
  }
  return new DiskObjectStore({ folder, secret: config.secret, publicUrl: config.publicUrl });
}

function s3(config: ObjectStoreConfig): S3ObjectStore {
  const url = URL.canParse(config.url) ? new URL(config.url) : undefined;
  if (url?.protocol !== 's3:' || url.hostname === '') {
    throw misconfigured(
      `"${config.url}" is neither disk:/absolute/folder nor s3://bucket?endpoint=...&region=...`,
    );
  }
  const query = url.searchParams;
  return new S3ObjectStore({
    bucket: url.hostname,
    endpoint: query.get('endpoint') ?? undefined,
    publicEndpoint: query.get('publicEndpoint') ?? undefined,
    region: query.get('region') ?? 'us-east-1',
    pathStyle: query.get('pathStyle') === '1',
    credentials: config.credentials,
  });
}

function misconfigured(detail: string): ObjectStoreError {
  return new ObjectStoreError('store-misconfigured', `Object store: ${detail}.`);
}
