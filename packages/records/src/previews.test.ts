import type { ModelSignature } from '@vanda/contracts';
import { startPostgres, type TestDatabase } from '@vanda/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { endAttempt, expireLeases } from './attempts.ts';
import { type Database, inTransaction, openDatabase } from './database.ts';
import { newId } from './ids.ts';
import { findJobServable } from './job-servables.ts';
import { claimed, makeProject, submit, trainedModel } from './jobs.fixture.ts';
import { cancelJob, deleteJob, findJob } from './jobs.ts';
import { succeedAttempt } from './model-registration.ts';
import { deleteModel } from './models.ts';
import { dropOldPreviews, type NewPreview, recordPreview } from './previews.ts';

let database: TestDatabase;
let db: Database;
let project: { projectId: string; datasetVersionId: string };
beforeAll(async () => {
  database = await (await startPostgres()).freshDatabase();
  db = openDatabase(database.url);
  project = await makeProject(db);
});
afterAll(async () => {
  await db.$disconnect();
  await database.drop();
});

const signature: ModelSignature = {
  task: 'tabular-classification',
  input: { kind: 'row', fields: [] },
  output: { kind: 'classes', labels: ['Adelie', 'Gentoo'] },
};

function newPreview(epoch: number): NewPreview {
  const id = newId('pvw');
  const object = (file: string) => ({
    key: `previews/${id}/${file}`,
    sha256: 'a'.repeat(64),
    bytes: 9,
  });
  const counts = [
    [3, 1],
    [0, 2],
  ];
  return {
    id,
    epoch,
    validation: {
      accuracy: 0.8,
      count: 6,
      confusionMatrix: { labels: ['Adelie', 'Gentoo'], counts },
    },
    chance: 0.6,
    signature,
    graph: object('model.json'),
    weights: object('weights.safetensors'),
  };
}
const keysOf = ({ graph, weights }: NewPreview) => [graph.key, weights.key];
const find = (jobId: string) => findJobServable(db, project.projectId, jobId);
const namedKeys = async (...previews: NewPreview[]) => {
  const keys = previews.flatMap(keysOf);
  return (await db.storedObject.findMany({ where: { key: { in: keys } } })).map((row) => row.key);
};

it('a better preview takes the place of the one before, a later attempt never that of a better one', async () => {
  const job = await submit(db, project);
  await expect(find(job.id)).rejects.toThrow(/is queued and has nothing to try yet/);
  const lease = await claimed(db);
  await expect(find(job.id)).rejects.toThrow(/first preview comes with the end of an epoch/);
  const [second, fifth, third] = [newPreview(2), newPreview(5), newPreview(3)];
  expect(await recordPreview(db, lease, second)).toEqual({ recorded: true, keys: [] });
  expect(await find(job.id)).toMatchObject({
    id: second.id,
    signature,
    weights: { key: second.weights.key, bytes: 9 },
  });
  expect((await findJob(db, project.projectId, job.id))?.preview).toMatchObject({
    epoch: 2,
    chance: 0.6,
    validation: { accuracy: 0.8, count: 6 },
  });
  expect((await db.preview.findFirstOrThrow()).validation).not.toHaveProperty('confusionMatrix');
  const replaced = await recordPreview(db, lease, fifth);
  expect({ ...replaced, keys: replaced.keys.sort() }).toEqual({
    recorded: true,
    keys: keysOf(second),
  });
  // The worker is lost. What it showed can still be tried, and its late words change nothing.
  await db.attempt.update({ where: { id: lease.attemptId }, data: { leaseUntil: new Date(0) } });
  await expireLeases(db);
  const late = newPreview(9);
  expect(await recordPreview(db, lease, late)).toEqual({ recorded: false, keys: keysOf(late) });
  expect((await find(job.id)).id).toBe(fifth.id);
  const next = await claimed(db);
  expect(await recordPreview(db, next, third)).toEqual({ recorded: false, keys: keysOf(third) });
  expect((await namedKeys(second, fifth, third, late)).sort()).toEqual(keysOf(fifth));
  expect(await dropOldPreviews(db)).toEqual([]);

  const trained = trainedModel();
  await succeedAttempt(db, next, trained);
  expect((await find(job.id)).id).toBe(trained.versionId);
  expect((await dropOldPreviews(db, job.id)).sort()).toEqual(keysOf(fifth));
  expect(await namedKeys(fifth)).toEqual([]);
  const model = await db.model.findFirstOrThrow();
  await inTransaction(db, (tx) => deleteModel(tx, model, 1));
  await expect(find(job.id)).rejects.toThrow(
    `The model ${model.name}@1, which the job ${job.id} made, was deleted.`,
  );
});

it('a job that is to end, or has ended without a model, shows nothing', async () => {
  const job = await submit(db, project);
  const lease = await claimed(db);
  const [before, after] = [newPreview(1), newPreview(2)];
  await recordPreview(db, lease, before);
  await inTransaction(db, (tx) => cancelJob(tx, job));
  expect(await recordPreview(db, lease, after)).toEqual({ recorded: false, keys: keysOf(after) });
  await endAttempt(db, lease, { kind: 'cancelled' });
  await expect(find(job.id)).rejects.toMatchObject({
    code: 'illegal-state',
    message: `The job ${job.id} is cancelled and made no model: there is nothing to try.`,
  });
  const stranger = findJobServable(db, 'prj_other', job.id);
  await expect(stranger).rejects.toMatchObject({ code: 'not-found' });
  // Deleted before anybody tidied up: nothing of it stays.
  const { keys, freedBytes } = await inTransaction(db, (tx) => deleteJob(tx, job));
  expect([keys.sort(), freedBytes]).toEqual([keysOf(before), 18]);
  expect(await db.preview.count({ where: { jobId: job.id } })).toBe(0);
  await expect(find(job.id)).rejects.toMatchObject({ code: 'not-found' });
});
