import { mkdir, mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MetricPoint } from '@vanda/contracts';
import { type Database, newId, openDatabase, readSeries } from '@vanda/records';
import { startPostgres, type TestDatabase } from '@vanda/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { WorkerDeps } from '../deps.ts';
import { shipLeftovers } from './leftovers.ts';
import { TelemetryLog, telemetryFile } from './telemetry-log.ts';

let database: TestDatabase;
let db: Database;
let folder: string;
const jobId = newId('job');
beforeAll(async () => {
  database = await (await startPostgres()).freshDatabase();
  db = openDatabase(database.url);
  folder = await mkdtemp(join(tmpdir(), 'vanda-telemetry-'));
  await makeJob();
});
afterAll(async () => {
  await db.$disconnect();
  await database.drop();
  await rm(folder, { recursive: true });
});

/** Only what the batches' rows refer to. */
async function makeJob(): Promise<void> {
  await db.project.create({ data: { id: 'prj', name: 'test' } });
  await db.dataset.create({ data: { id: 'ds', projectId: 'prj', name: 'd' } });
  const version = { id: 'dsv', datasetId: 'ds', version: 1, kind: 'table', contentHash: 'x' };
  await db.datasetVersion.create({ data: { ...version, items: 1, bytes: 1n, profile: {} } });
  await db.job.create({
    data: {
      id: jobId,
      projectId: 'prj',
      kind: 'train',
      name: 'm',
      task: 'tabular-classification',
      state: 'running',
      spec: {},
      submittedSpec: {},
      datasetVersionId: 'dsv',
      device: 'cpu',
    },
  });
}

async function addAttempt(number: number, state: string): Promise<string> {
  const id = newId('att');
  const leaseUntil = new Date();
  await db.attempt.create({
    data: { id, jobId, number, state, token: number, workerId: 'w', leaseUntil },
  });
  await mkdir(join(folder, id));
  return id;
}

function points(from: number, count: number): MetricPoint[] {
  return Array.from({ length: count }, (_, index) => [from + index, 1, 'train.loss', index]);
}

it('delivers everything once and in order', async () => {
  const attemptId = await addAttempt(1, 'failed');
  const path = join(folder, attemptId, telemetryFile);
  const log = await TelemetryLog.create(db, { jobId, attemptId }, path, () => {});
  for (let step = 1; step <= 5000; step += 100) log.addPoints(points(step, 100));
  log.addLine({ at: new Date().toISOString(), level: 'info', text: 'hello' });
  await log.delivered();
  expect(log.produced).toBe(5000);
  const { series, received } = await readSeries(db, jobId, 100_000);
  expect(received).toBe(5000);
  expect(series['train.loss']?.steps).toEqual(Array.from({ length: 5000 }, (_, i) => i + 1));
  const batches = await db.metricBatch.findMany({ where: { attemptId }, orderBy: { seq: 'asc' } });
  expect(batches.map((batch) => batch.seq)).toEqual(batches.map((_, index) => index + 1));
  await log.close();
});

it('waits for a Postgres that is away, and a later worker sends what a dead one could not', async () => {
  const attemptId = await addAttempt(2, 'lost');
  const path = join(folder, attemptId, telemetryFile);
  const nowhere = openDatabase('postgresql://nobody@127.0.0.1:1/none');
  const errors: Error[] = [];
  const log = await TelemetryLog.create(nowhere, { jobId, attemptId }, path, (error) =>
    errors.push(error),
  );
  log.addPoints(points(5001, 3));
  await expect.poll(() => errors.length, { timeout: 5000 }).toBeGreaterThan(0);
  log.addPoints(points(5004, 2));
  await log.close();
  await nowhere.$disconnect();
  // The worker died in the middle of its last line.
  const { size } = await stat(path);
  await truncate(path, size - 4);
  const alive = await addAttempt(3, 'running');
  const deps = { db } as WorkerDeps;
  expect(await shipLeftovers(deps, folder, new Set())).toBe(2);
  expect(await readdir(folder)).toContain(alive);
  expect(await readdir(folder)).not.toContain(attemptId);
  const row = await db.attempt.findUniqueOrThrow({ where: { id: attemptId } });
  expect(row.produced).toBe(3);
  expect((await readSeries(db, jobId, 100_000)).received).toBe(5003);
});
