import { startPostgres } from '@vanda/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Database, inTransaction, openDatabase } from './database.ts';
import { newId } from './ids.ts';
import { nameObject, releaseObjects } from './stored-objects.ts';
import { transition } from './transition.ts';

let database: Awaited<ReturnType<Awaited<ReturnType<typeof startPostgres>>['freshDatabase']>>;
let db: Database;
const projectId = newId('prj');
beforeAll(async () => {
  database = await (await startPostgres()).freshDatabase();
  db = openDatabase(database.url);
  await db.project.create({ data: { id: projectId, name: 'test' } });
});
afterAll(async () => {
  await db.$disconnect();
  await database.drop();
});

async function openUpload(): Promise<{ id: string; projectId: string; label: string }> {
  const id = newId('upl');
  await db.upload.create({
    data: {
      id,
      projectId,
      filename: 'a.csv',
      contentType: 'text/csv',
      bytes: 1n,
      partBytes: 1n,
      storeUploadId: id,
      objectKey: `uploads/${id}`,
      state: 'open',
      expiresAt: new Date(Date.now() + 60_000),
    },
  });
  return { id, projectId, label: 'a.csv' };
}

it('moves the state and writes one history row, once, however many ask at the same time', async () => {
  const upload = await openUpload();
  const asked = await Promise.allSettled(
    Array.from({ length: 5 }, () =>
      inTransaction(db, (tx) => transition(tx, 'upload', upload, 'complete')),
    ),
  );
  expect(asked.filter((one) => one.status === 'fulfilled')).toHaveLength(1);
  expect((await db.upload.findUniqueOrThrow({ where: { id: upload.id } })).state).toBe('completed');
  const history = await db.history.findMany({ where: { subjectId: upload.id } });
  expect(history).toMatchObject([{ fromState: 'open', toState: 'completed', event: 'complete' }]);
});

it('refuses what the table does not have, with a sentence, and changes nothing', async () => {
  const upload = await openUpload();
  await inTransaction(db, (tx) => transition(tx, 'upload', upload, 'abort'));
  await expect(
    inTransaction(db, (tx) => transition(tx, 'upload', upload, 'complete')),
  ).rejects.toMatchObject({
    code: 'illegal-state',
    message: 'An upload that is aborted cannot complete (nothing changes it any more).',
  });
});

it('keeps history as it was written', async () => {
  await openUpload().then((upload) =>
    inTransaction(db, (tx) => transition(tx, 'upload', upload, 'abort')),
  );
  await expect(db.history.deleteMany({})).rejects.toThrow(/append-only/);
  await expect(db.history.updateMany({ data: { reason: 'x' } })).rejects.toThrow(/append-only/);
});

it('frees an object when its last owner lets go of it', async () => {
  const object = { key: `datasets/${newId('dsv')}`, sha256: 'a'.repeat(64), bytes: 10 };
  const first = { kind: 'dataset-version' as const, id: newId('dsv') };
  const second = { kind: 'dataset-version' as const, id: newId('dsv') };
  await inTransaction(db, async (tx) => {
    await nameObject(tx, projectId, object, first, 'file');
    await nameObject(tx, projectId, object, second, 'file');
    await nameObject(tx, projectId, object, second, 'preview');
  });
  expect(await inTransaction(db, (tx) => releaseObjects(tx, first))).toEqual({
    keys: [],
    freedBytes: 0,
  });
  expect(await inTransaction(db, (tx) => releaseObjects(tx, second))).toEqual({
    keys: [object.key],
    freedBytes: 10,
  });
  expect(await db.storedObject.count({ where: { key: object.key } })).toBe(0);
});
