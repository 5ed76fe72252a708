import { createHash, randomBytes } from 'node:crypto';
import type { DatasetProfile, MetricPoint, ModelSignature } from '@vanda/contracts';
import { keyLayout } from '@vanda/objects';
import {
  announceWorker,
  type Database,
  inTransaction,
  nameObject,
  newId,
  type OwnerKind,
  type Prisma,
} from '@vanda/records';
import type { ApiUnderTest } from './api-under-test.fixture.ts';

/** What ingest, training and serving leave behind, for tests of the API alone: rows and bytes as they write them. */

const column = (name: string, type: 'number' | 'text', distinct: number, count = 100) => ({
  name,
  type,
  count,
  nulls: 100 - count,
  distinct,
  min: null,
  max: null,
  mean: null,
  quantiles: null,
  top: [],
});

/** Puts an object and names it. */
export async function putObject(
  api: ApiUnderTest,
  owner: { kind: OwnerKind; id: string },
  role: string,
  key: string,
  bytes: Buffer = randomBytes(100),
): Promise<string> {
  const stored = await api.deps.objects.put(key, bytes);
  await inTransaction(api.deps.db, (tx) =>
    nameObject(tx, api.projectId, { key, sha256: stored.sha256, bytes: stored.size }, owner, role),
  );
  return key;
}

export async function makeDatasetVersion(
  api: ApiUnderTest,
  name: string,
  kind: 'table' | 'images' = 'table',
): Promise<{ datasetId: string; versionId: string; version: number }> {
  const { db } = api.deps;
  const preview =
    kind === 'table'
      ? { kind, columns: ['x', 'y'], rows: [[1, 'a']] }
      : {
          kind,
          pictures: [{ label: 'a', name: 'a/1.png', width: 8, height: 8, thumbnail: 'data:' }],
        };
  const bytes = Buffer.from(JSON.stringify({ ...preview, salt: randomBytes(4).toString('hex') }));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const file = {
    key: keyLayout.datasetContent(api.projectId, sha256),
    sha256,
    bytes: bytes.length,
    items: 1,
  };
  const common = {
    items: 100,
    splits: { train: 0, validation: 0, test: 0 },
    files: [file],
    preview: file,
  };
  const profile: DatasetProfile =
    kind === 'table'
      ? {
          kind,
          ...common,
          splitColumn: null,
          columns: [
            column('x', 'number', 100),
            column('y', 'text', 3),
            column('constant', 'text', 1),
            column('empty', 'text', 0, 0),
          ],
        }
      : {
          kind,
          ...common,
          labels: [
            { label: 'a', count: 50 },
            { label: 'b', count: 50 },
          ],
          sizes: [{ width: 8, height: 8, count: 100 }],
          channels: 1,
        };
  const dataset = await db.dataset.upsert({
    where: { projectId_name: { projectId: api.projectId, name } },
    create: { id: newId('ds'), projectId: api.projectId, name, kind, latestVersion: 1 },
    update: { latestVersion: { increment: 1 }, deletedAt: null },
  });
  const versionId = newId('dsv');
  await db.datasetVersion.create({
    data: {
      id: versionId,
      datasetId: dataset.id,
      version: dataset.latestVersion,
      kind,
      contentHash: sha256,
      items: 100,
      bytes: bytes.length,
      profile: profile as unknown as Prisma.InputJsonValue,
    },
  });
  await putObject(api, { kind: 'dataset-version', id: versionId }, 'preview', file.key, bytes);
  return { datasetId: dataset.id, versionId, version: dataset.latestVersion };
}

export const tableSpec = (dataset: string, name = 'flowers') => ({
  name,
  task: 'tabular-classification',
  dataset,
  target: 'y',
});

const signature: ModelSignature = {
  task: 'tabular-classification',
  input: { kind: 'row', fields: [{ name: 'x', type: 'number', optional: false, example: 1 }] },
  output: { kind: 'classes', labels: ['a', 'b', 'c'] },
};

/** Submits a job through the API and ends it as a worker would, with a version of its model. */
export async function makeModelVersion(
  api: ApiUnderTest,
  dataset: string,
  name = 'flowers',
  testItems?: Uint8Array,
): Promise<{ jobId: string; versionId: string; version: number; archive: string }> {
  const { db } = api.deps;
  const job = await api.call<{ id: string }>('POST', '/jobs', { spec: tableSpec(dataset, name) });
  if (job.status !== 201) throw new Error(JSON.stringify(job.body));
  const row = await db.job.findUniqueOrThrow({ where: { id: job.body.id } });
  const model = await db.model.upsert({
    where: { projectId_name: { projectId: api.projectId, name } },
    create: { id: newId('mdl'), projectId: api.projectId, name, task: row.task, latestVersion: 1 },
    update: { latestVersion: { increment: 1 }, updatedAt: new Date(), deletedAt: null },
  });
  const versionId = newId('mdv');
  const metrics = { test: { accuracy: 0.9 } };
  await db.modelVersion.create({
    data: {
      id: versionId,
      modelId: model.id,
      version: model.latestVersion,
      jobId: row.id,
      datasetVersionId: row.datasetVersionId,
      spec: row.spec as Prisma.InputJsonValue,
      engineVersion: '0.1.0',
      signature: signature as unknown as Prisma.InputJsonValue,
      metrics,
      bytes: 100,
    },
  });
  const owner = { kind: 'model-version' as const, id: versionId };
  const archive = keyLayout.modelFile(versionId, 'model.vanda');
  await putObject(api, owner, 'archive', archive);
  if (testItems !== undefined) {
    const parquet = keyLayout.modelFile(versionId, 'predictions.parquet');
    await putObject(api, owner, 'predictions', parquet);
    const items = keyLayout.modelFile(versionId, 'test-items.bin');
    await putObject(api, owner, 'test-items', items, Buffer.from(testItems));
  }
  const splits = keyLayout.jobFile(row.id, 'splits.parquet');
  await putObject(api, { kind: 'job', id: row.id }, 'splits', splits);
  await db.job.update({
    where: { id: row.id },
    data: { state: 'succeeded', metrics, startedAt: new Date(), finishedAt: new Date() },
  });
  return { jobId: row.id, versionId, version: model.latestVersion, archive };
}

/** A worker that has announced itself. */
export async function makeWorker(db: Database, roles: string[]): Promise<string> {
  const id = newId('wrk');
  await announceWorker(db, {
    id,
    hostname: 'here',
    pid: 1,
    roles,
    labels: {},
    devices: ['cpu'],
    slots: 1,
    version: '0.1.0',
  });
  return id;
}

/** An attempt of a job that runs, with its lease far in the future. */
export async function makeAttempt(db: Database, jobId: string, number: number): Promise<string> {
  const id = newId('att');
  await db.attempt.updateMany({ where: { jobId, state: 'running' }, data: { state: 'lost' } });
  await db.attempt.create({
    data: {
      id,
      jobId,
      number,
      state: 'running',
      token: number,
      workerId: 'wrk_test',
      leaseUntil: new Date(Date.now() + 600_000),
    },
  });
  await db.job.update({ where: { id: jobId }, data: { state: 'running', startedAt: new Date() } });
  return id;
}

export const lossAt = (from: number, to: number): MetricPoint[] =>
  Array.from({ length: to - from + 1 }, (_, index) => [
    from + index,
    1,
    'train.loss',
    1 / (from + index),
  ]);
