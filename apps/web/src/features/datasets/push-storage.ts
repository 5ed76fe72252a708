/** What of a push outlives a reload. */
export interface StoredPush {
  id: string;
  dataset: string;
  createdAt: string;
  options?: Record<string, unknown>;
  files: { filename: string; size: number; uploadId?: string }[];
  ingestId?: string;
}

/** Above this many bytes the files are not copied into the browser; after a reload they are asked for again. */
const keepBytesMax = 512 * 2 ** 20;

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('vanda-uploads', 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('pushes', { keyPath: 'id' });
      request.result.createObjectStore('blobs');
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function withStore<R>(
  name: 'pushes' | 'blobs',
  mode: IDBTransactionMode,
  work: (store: IDBObjectStore) => IDBRequest<R>,
): Promise<R> {
  const database = await open();
  try {
    return await new Promise<R>((resolve, reject) => {
      const request = work(database.transaction(name, mode).objectStore(name));
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  } finally {
    database.close();
  }
}

/** Private windows may refuse storage: the upload then works, only not across a reload. */
async function ifPossible<R>(work: Promise<R>, otherwise: R): Promise<R> {
  try {
    return await work;
  } catch {
    return otherwise;
  }
}

export function savePush(push: StoredPush): Promise<unknown> {
  return ifPossible<unknown>(
    withStore('pushes', 'readwrite', (store) => store.put(push)),
    undefined,
  );
}

export function storedPushes(): Promise<StoredPush[]> {
  return ifPossible(
    withStore<StoredPush[]>('pushes', 'readonly', (store) => store.getAll()),
    [],
  );
}

export async function keepBlobs(id: string, blobs: Blob[]): Promise<void> {
  if (blobs.reduce((sum, blob) => sum + blob.size, 0) > keepBytesMax) return;
  await ifPossible<unknown>(
    withStore('blobs', 'readwrite', (store) => store.put(blobs, id)),
    undefined,
  );
}

export function keptBlobs(id: string): Promise<Blob[] | undefined> {
  return ifPossible<Blob[] | undefined>(
    withStore('blobs', 'readonly', (store) => store.get(id) as IDBRequest<Blob[] | undefined>),
    undefined,
  );
}

export async function forgetPush(id: string): Promise<void> {
  await ifPossible<unknown>(
    withStore('blobs', 'readwrite', (store) => store.delete(id)),
    undefined,
  );
  await ifPossible<unknown>(
    withStore('pushes', 'readwrite', (store) => store.delete(id)),
    undefined,
  );
}
