import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { IngestOptions } from '@vanda/contracts';
import { keyLayout, type ObjectStore, openObjectStore } from '@vanda/objects';
import { openSender, type QueueSender } from '@vanda/queue';
import {
  claimNextIngest,
  createIngest,
  type Database,
  deliverOutbox,
  finishIngest,
  inTransaction,
  newId,
  openDatabase,
  renewIngestLease,
} from '@vanda/records';
import { startPostgres, startRedis, type TestDatabase, type TestRedis } from '@vanda/testing';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { readConfig } from '../config.ts';
import type { Role, WorkerDeps } from '../deps.ts';
import { startIngestRole } from './ingest-role.ts';

// Processes are started and killed here, beside whatever else the machine does.
vi.setConfig({ testTimeout: 90_000 });

const penguins = fileURLToPath(
  new URL('../../../../node_modules/vega-datasets/data/penguins.json', import.meta.url),
);

let home: string;
let database: TestDatabase;
let redis: TestRedis;
let db: Database;
let objects: ObjectStore;
let sender: QueueSender;
let projectId: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'vanda-ingest-role-'));
  redis = await startRedis();
  database = await (await startPostgres()).freshDatabase();
  db = openDatabase(database.url);
  sender = openSender(redis.url);
  const secret = 's'.repeat(32);
  objects = await openObjectStore({ url: `disk:${home}/objects`, secret, publicUrl: 'http://x' });
});
beforeEach(async () => {
  projectId = newId('prj');
  await db.project.create({ data: { id: projectId, name: 'test' } });
});
afterAll(async () => {
  await sender?.close();
  await db?.$disconnect();
  await database?.drop();
  await redis?.stop();
  await rm(home, { recursive: true, force: true });
});

function depsOf(workerId = newId('wrk')): WorkerDeps {
  const config = readConfig(['--roles', 'ingest'], {
    ...process.env,
    VANDA_HOME: home,
    VANDA_DATABASE_URL: database.url,
    VANDA_REDIS_URL: redis.url,
    VANDA_OBJECTS: `disk:${home}/objects`,
    VANDA_SECRET: 's'.repeat(32),
    VANDA_LEASE_SECONDS: '5',
  });
  const log = pino({ level: 'silent' });
  return { config, workerId, version: '0', log, db, objects, sender };
}

async function withRole<T>(work: (role: Role) => Promise<T>): Promise<T> {
  const role = await startIngestRole(depsOf());
  try {
    return await work(role);
  } finally {
    await role.stop();
  }
}

async function addUpload(filename: string, bytes: Uint8Array, sha256?: string): Promise<string> {
  const id = newId('upl');
  const objectKey = keyLayout.upload(id);
  await objects.put(objectKey, bytes);
  await db.upload.create({
    data: {
      id,
      projectId,
      filename,
      contentType: 'application/octet-stream',
      bytes: BigInt(bytes.byteLength),
      partBytes: 1n,
      sha256,
      storeUploadId: id,
      objectKey,
      state: 'completed',
      expiresAt: new Date(Date.now() + 3_600_000),
    },
  });
  return id;
}

async function push(name: string, uploads: string[], options: IngestOptions = {}) {
  const { ingest } = await inTransaction(db, (tx) =>
    createIngest(tx, { projectId, name, uploads, options }),
  );
  await deliverOutbox(db, sender.enqueue, { subjectId: ingest.id });
  return ingest.id;
}

async function ended(id: string) {
  await expect
    .poll(async () => (await db.ingest.findUnique({ where: { id } }))?.state, { timeout: 60_000 })
    .toMatch(/succeeded|failed/);
  return db.ingest.findUniqueOrThrow({ where: { id }, include: { version: true, dataset: true } });
}

describe('a push', () => {
  it('becomes a version with its objects named, and gives the upload up', async () => {
    const upload = await addUpload('penguins.json', await readFile(penguins));
    await withRole(async () => {
      const ingest = await ended(await push('penguins', [upload]));
      expect(ingest).toMatchObject({
        state: 'succeeded',
        reused: false,
        receipt: { accepted: 344, rejected: 0 },
        version: { version: 1, kind: 'table', items: 344 },
        dataset: { kind: 'table', latestVersion: 1 },
        progress: { percent: 100 },
      });
      const refs = await db.objectRef.findMany({
        where: { ownerKind: 'dataset-version', ownerId: ingest.versionId ?? '' },
        include: { object: true },
      });
      expect(refs.map(({ role }) => role).sort()).toEqual(['manifest', 'preview', 'shard']);
      for (const { object } of refs) {
        expect((await objects.head(object.key))?.size).toBe(Number(object.bytes));
      }
      expect(await db.upload.findUnique({ where: { id: upload } })).toMatchObject({
        state: 'expired',
      });
      await expect.poll(() => objects.head(keyLayout.upload(upload))).toBeUndefined();
      await expect.poll(() => readdir(join(home, 'ingests'))).toEqual([]);
    });
  });

  it('of the same content answers the version that is there', async () => {
    await withRole(async () => {
      const csv = Buffer.from('a,b\n1,2\n3,4\nbad\n');
      const first = await ended(await push('same', [await addUpload('a.csv', csv)]));
      const again = await ended(await push('same', [await addUpload('b.csv', csv)]));
      expect(again).toMatchObject({ state: 'succeeded', reused: true, versionId: first.versionId });
      const other = Buffer.from('a,b\n1,2\n');
      const second = await ended(await push('same', [await addUpload('a.csv', other)]));
      expect(second).toMatchObject({ reused: false, version: { version: 2 } });
      expect(first.receipt).toMatchObject({ accepted: 2, rejected: 1 });
    });
  });

  it('of nothing that can be used fails with its sentence, and keeps the upload', async () => {
    await withRole(async () => {
      const upload = await addUpload('a.csv', Buffer.from('a,b\n'));
      expect(await ended(await push('empty', [upload]))).toMatchObject({
        state: 'failed',
        failureKind: 'user',
        failureCode: 'bad-data',
        failureMessage: 'a.csv has a header and no rows.',
        version: null,
      });
      expect(await objects.head(keyLayout.upload(upload))).toBeDefined();
      const kind = await addUpload('a.csv', Buffer.from('a,b\n1,2\n'));
      await ended(await push('tables', [kind]));
      const pictures = await addUpload('cat/1.png', Buffer.from('no picture'));
      expect(await ended(await push('tables', [pictures]))).toMatchObject({
        state: 'failed',
        failureMessage:
          'The dataset holds a table, and this push is pictures: give it another name.',
      });
    });
  });

  it('whose bytes are not what was announced fails', async () => {
    const announced = createHash('sha256').update('other').digest('hex');
    const upload = await addUpload('a.csv', Buffer.from('a\n1\n'), announced);
    await withRole(async () => {
      expect(await ended(await push('wrong', [upload]))).toMatchObject({
        state: 'failed',
        failureCode: 'checksum-mismatch',
      });
    });
  });

  it('is handed back by a worker that stops, and done by the next', async () => {
    const rows = Array.from({ length: 300_000 }, (_, i) => `${i},${i % 7},${i * 1.5}`).join('\n');
    const upload = await addUpload('a.csv', Buffer.from(`a,b,c\n${rows}\n`));
    const role = await startIngestRole(depsOf());
    const id = await push('handed', [upload]);
    await expect
      .poll(async () => (await db.ingest.findUnique({ where: { id } }))?.state, { interval: 5 })
      .toBe('running');
    await role.stop();
    const handed = await db.ingest.findUniqueOrThrow({ where: { id } });
    expect(['queued', 'succeeded']).toContain(handed.state);
    await withRole(async () => {
      expect(await ended(id)).toMatchObject({ state: 'succeeded', version: { items: 300_000 } });
    });
    expect(await db.datasetVersion.count({ where: { dataset: { projectId } } })).toBe(1);
  });
});

describe('data that kills the process which reads it', () => {
  it('is tried three times, and then failed for good', async () => {
    const rows = Array.from({ length: 500_000 }, (_, i) => `${i},${i % 7},${i * 1.5}`).join('\n');
    const upload = await addUpload('a.csv', Buffer.from(`a,b,c\n${rows}\n`));
    await withRole(async () => {
      const id = await push('poison', [upload]);
      const killing = setInterval(() => {
        for (const pid of readers()) process.kill(pid, 'SIGKILL');
      }, 20);
      const ingest = await ended(id).finally(() => clearInterval(killing));
      expect(ingest).toMatchObject({
        state: 'failed',
        failureCode: 'poisoned',
        leaseToken: 3,
        version: null,
      });
      expect(ingest.failureMessage).toContain('was ended by SIGKILL');
    });
  });
});

function readers(): number[] {
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8');
  return children
    .split(' ')
    .map(Number)
    .filter((pid) => {
      return pid > 0 && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('ingest-child');
    });
}

describe('a store that is away for a moment', () => {
  it('delays a push and fails none', async () => {
    const upload = await addUpload('a.csv', Buffer.from('a,b\n1,2\n'));
    const id = await push('delayed', [upload]);
    let failures = 2;
    const getFile: ObjectStore['getFile'] = (...args) => {
      if (failures-- > 0) return Promise.reject(new Error('The store cannot be reached.'));
      return objects.getFile(...args);
    };
    const flaky = new Proxy(objects, {
      get: (store, name) => {
        const member = name === 'getFile' ? getFile : Reflect.get(store, name, store);
        return typeof member === 'function' ? member.bind(store) : member;
      },
    });
    const role = await startIngestRole({ ...depsOf(), objects: flaky });
    try {
      expect(await ended(id)).toMatchObject({ state: 'succeeded', leaseToken: 3 });
    } finally {
      await role.stop();
    }
  });
});

describe('the lease of an ingest', () => {
  it('goes to one of many, and a worker that lost it changes nothing', async () => {
    const upload = await addUpload('a.csv', Buffer.from('a\n1\n'));
    const id = await push('leased', [upload]);
    const claims = await Promise.all(
      Array.from({ length: 8 }, () => claimNextIngest(db, { id: newId('wrk'), leaseMs: 300 })),
    );
    const won = claims.filter((claim) => claim?.ingestId === id);
    expect(won).toHaveLength(1);
    const [old] = won;
    if (!old) throw new Error('nobody won');
    await new Promise((resolve) => setTimeout(resolve, 400));
    const next = await claimNextIngest(db, { id: newId('wrk'), leaseMs: 10_000 });
    expect(next).toMatchObject({ ingestId: id, token: old.token + 1 });
    expect(await renewIngestLease(db, old, 10_000, { percent: 50 })).toBe(false);
    expect(await finishIngest(db, old, null as never)).toBeNull();
    const row = await db.ingest.findUniqueOrThrow({ where: { id } });
    expect(row).toMatchObject({ state: 'running', versionId: null });
  });
});
