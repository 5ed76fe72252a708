import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyLayout, type ObjectStore, openObjectStore } from '@vanda/objects';
import { type Database, expireUploads, nameObject, newId, openDatabase } from '@vanda/records';
import { startPostgres, type TestDatabase } from '@vanda/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freeUnnamedObjects } from './unnamed-objects.ts';

let folder: string;
let objects: ObjectStore;
let database: TestDatabase;
let db: Database;
const projectId = newId('prj');
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vanda-upkeep-'));
  const publicUrl = 'http://127.0.0.1:1';
  objects = await openObjectStore({ url: `disk:${folder}`, secret: 's'.repeat(32), publicUrl });
  database = await (await startPostgres()).freshDatabase();
  db = openDatabase(database.url);
  await db.project.create({ data: { id: projectId, name: 'test' } });
});
afterAll(async () => {
  await db.$disconnect();
  await database.drop();
  await rm(folder, { recursive: true });
});

async function addUpload(state: string, expiresAt: Date): Promise<string> {
  const id = newId('upl');
  const objectKey = keyLayout.upload(id);
  const sizes = { bytes: 3n, partBytes: 3n };
  const names = { filename: 'a.csv', contentType: 'text/csv', storeUploadId: id, objectKey };
  await db.upload.create({ data: { id, projectId, state, expiresAt, ...sizes, ...names } });
  await objects.put(objectKey, Buffer.from('abc'));
  return objectKey;
}

it('frees what a crash left, keeps what a row or an upload names, and what may yet get a name', async () => {
  const soon = new Date(Date.now() + 60_000);
  const named = keyLayout.modelFile('mdv_named', 'model.json');
  const left = keyLayout.modelFile('mdv_left', 'model.json');
  const { sha256 } = await objects.put(named, Buffer.from('abc'));
  const owner = { kind: 'model-version' as const, id: 'mdv_named' };
  await db.$transaction((tx) =>
    nameObject(tx, projectId, { key: named, sha256, bytes: 3 }, owner, 'graph'),
  );
  await objects.put(left, Buffer.from('abc'));
  const uploaded = await addUpload('completed', soon);
  const given = await addUpload('aborted', soon);
  expect(await freeUnnamedObjects(db, objects)).toEqual([]);
  expect((await freeUnnamedObjects(db, objects, -1000)).sort()).toEqual([left, given].sort());
  expect(await objects.head(named)).toBeDefined();
  expect(await objects.head(uploaded)).toBeDefined();
});

it('gives uploads up once, after their time', async () => {
  const late = await addUpload('open', new Date(Date.now() - 1000));
  const twice = await Promise.all([expireUploads(db), expireUploads(db)]);
  expect(twice.flat()).toMatchObject([{ objectKey: late, wasOpen: true }]);
  expect(await db.upload.findFirst({ where: { objectKey: late } })).toMatchObject({
    state: 'expired',
  });
});
