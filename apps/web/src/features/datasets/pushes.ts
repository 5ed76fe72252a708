import { blobSource, uploadFile } from '@vanda/client';
import {
  abortUpload,
  createIngest,
  getIngest,
  type Ingest,
  type IngestOptions,
  VandaError,
} from '@vanda/contracts';
import { useSyncExternalStore } from 'react';
import { call, client } from '../../lib/call.ts';
import { refreshNoun } from '../../lib/queries.ts';
import type { PushBlob } from './plan-push.ts';
import {
  forgetPush,
  keepBlobs,
  keptBlobs,
  type StoredPush,
  savePush,
  storedPushes,
} from './push-storage.ts';

/** One push of data: its uploads and the ingest after them. It lives outside React and survives a reload. */
export interface Push extends StoredPush {
  stage: 'uploading' | 'needs-files' | 'ingesting' | 'done' | 'failed';
  bytes: number;
  sent: number;
  /** Bytes a second over the last few seconds. */
  rate: number;
  ingest?: Ingest;
  error?: unknown;
}

let pushes: readonly Push[] = [];
const listeners = new Set<() => void>();
const running = new Map<string, AbortController>();
const blobsOf = new Map<string, Blob[]>();

export function usePushes(): readonly Push[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => pushes,
  );
}

function set(next: readonly Push[]): void {
  pushes = next;
  for (const listener of listeners) listener();
}

function change(id: string, fields: Partial<Push>): void {
  set(pushes.map((push) => (push.id === id ? { ...push, ...fields } : push)));
}

function stored({ id, dataset, createdAt, options, files, ingestId }: Push): StoredPush {
  return { id, dataset, createdAt, options, files, ingestId };
}

function find(id: string): Push | undefined {
  return pushes.find((push) => push.id === id);
}

export function startPush(dataset: string, blobs: PushBlob[], options?: IngestOptions): string {
  const push: Push = {
    id: `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 10)}`,
    dataset,
    createdAt: new Date().toISOString(),
    options,
    files: blobs.map(({ filename, blob }) => ({ filename, size: blob.size })),
    stage: 'uploading',
    bytes: blobs.reduce((sum, { blob }) => sum + blob.size, 0),
    sent: 0,
    rate: 0,
  };
  set([push, ...pushes]);
  const plain = blobs.map(({ blob }) => blob);
  blobsOf.set(push.id, plain);
  void savePush(stored(push)).then(() => keepBlobs(push.id, plain));
  void run(push.id);
  return push.id;
}

// A machine that comes back from sleep or a tunnel goes on where it was cut.
window.addEventListener('online', () => {
  for (const push of pushes) {
    if (push.error instanceof VandaError && push.error.code === 'unavailable') retryPush(push.id);
  }
});

/** Goes on with what an earlier page left unfinished. Called once, when the shell appears. */
export async function resumePushes(): Promise<void> {
  for (const saved of await storedPushes()) {
    if (find(saved.id) !== undefined) continue;
    const blobs = saved.ingestId === undefined ? await keptBlobs(saved.id) : [];
    if (blobs) blobsOf.set(saved.id, blobs);
    const stage = saved.ingestId ? 'ingesting' : blobs ? 'uploading' : 'needs-files';
    const bytes = saved.files.reduce((sum, file) => sum + file.size, 0);
    set([...pushes, { ...saved, stage, bytes, sent: 0, rate: 0 }]);
    if (stage !== 'needs-files') void run(saved.id);
  }
}

/** Hands over the files of a push that was too large to keep; answers what does not fit, or null. */
export function offerFiles(id: string, blobs: PushBlob[]): string | null {
  const push = find(id);
  if (push === undefined) return 'This upload is no longer there.';
  const fits =
    blobs.length === push.files.length &&
    push.files.every(
      (file, index) =>
        file.filename === blobs[index]?.filename && file.size === blobs[index]?.blob.size,
    );
  if (!fits) return `These are not the same files: ${push.files[0]?.filename} was expected.`;
  blobsOf.set(
    id,
    blobs.map(({ blob }) => blob),
  );
  retryPush(id);
  return null;
}

export function retryPush(id: string): void {
  change(id, { stage: find(id)?.ingestId ? 'ingesting' : 'uploading', error: undefined });
  void run(id);
}

/** Stops a push and frees what it has sent. What has become an ingest can no longer be called back. */
export async function cancelPush(id: string): Promise<void> {
  const push = find(id);
  running.get(id)?.abort();
  dismissPush(id);
  if (push === undefined || push.ingestId !== undefined) return;
  for (const { uploadId } of push.files) {
    if (uploadId) await call(abortUpload, { params: { id: uploadId } }).catch(() => undefined);
  }
}

export function dismissPush(id: string): void {
  blobsOf.delete(id);
  set(pushes.filter((push) => push.id !== id));
  void forgetPush(id);
}

async function run(id: string): Promise<void> {
  running.get(id)?.abort();
  const stop = new AbortController();
  running.set(id, stop);
  try {
    if (find(id)?.ingestId === undefined) await send(id, stop.signal);
    await follow(id, stop.signal);
  } catch (error) {
    if (stop.signal.aborted) return;
    change(id, { stage: 'failed', error });
  } finally {
    if (running.get(id) === stop) running.delete(id);
  }
}

async function send(id: string, signal: AbortSignal): Promise<void> {
  const before = new Map<number, number>();
  const meter = rateMeter();
  const blobs = blobsOf.get(id) ?? [];
  const uploads: string[] = [];
  for (const [index, blob] of blobs.entries()) {
    const file = find(id)?.files[index];
    if (file === undefined) throw new VandaError('not-found', 'This upload is no longer there.');
    const upload = await uploadFile(client, blobSource(blob, file.filename), {
      resume: file.uploadId,
      signal,
      onUpload: async (uploadId) => {
        const files = (find(id)?.files ?? []).with(index, { ...file, uploadId });
        change(id, { files });
        const push = find(id);
        if (push) await savePush(stored(push));
      },
      onProgress: (progress) => {
        before.set(index, progress.sent);
        const sent = [...before.values()].reduce((sum, value) => sum + value, 0);
        change(id, { sent, rate: meter(sent) });
      },
    });
    uploads.push(upload.uploadId);
  }
  const push = find(id);
  if (push === undefined || signal.aborted) return;
  const ingest = await call(createIngest, {
    params: { name: push.dataset },
    body: { uploads, ...(push.options ? { options: push.options as IngestOptions } : {}) },
  });
  change(id, { ingestId: ingest.id, ingest, stage: 'ingesting', sent: push.bytes });
  const ingesting = find(id);
  if (ingesting) await savePush(stored(ingesting));
  refreshNoun('dataset');
}

/** Asks for the ingest until it has ended. */
async function follow(id: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const ingestId = find(id)?.ingestId;
    if (ingestId === undefined || signal.aborted) return;
    const ingest = await call(getIngest, { params: { id: ingestId } }, { signal }).catch(
      (error) => {
        if (error instanceof VandaError && error.code === 'unavailable') return undefined;
        throw error;
      },
    );
    if (ingest) change(id, { ingest });
    if (ingest?.state === 'succeeded' || ingest?.state === 'failed') {
      change(id, {
        stage: ingest.state === 'succeeded' ? 'done' : 'failed',
        error: ingest.failure
          ? new VandaError(ingest.failure.code, ingest.failure.message)
          : undefined,
      });
      blobsOf.delete(id);
      void forgetPush(id);
      refreshNoun('dataset');
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 700));
  }
}

/** Bytes a second over the last five seconds. */
function rateMeter(): (sent: number) => number {
  const points: { at: number; sent: number }[] = [];
  return (sent) => {
    const at = performance.now();
    points.push({ at, sent });
    while (points.length > 2 && at - (points[0]?.at ?? at) > 5000) points.shift();
    const first = points[0];
    if (first === undefined || at - first.at < 200) return 0;
    return Math.max(0, ((sent - first.sent) / (at - first.at)) * 1000);
  };
}
