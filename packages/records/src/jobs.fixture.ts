import type { CompletedSpec, ModelSignature } from '@vanda/contracts';
import { type Database, inTransaction } from './database.ts';
import type { Prisma } from './generated/client.ts';
import { newId } from './ids.ts';
import { type JobRow, submitJob } from './jobs.ts';
import { type Claim, claimNextJob } from './leases.ts';
import type { TrainedModel } from './model-registration.ts';
import { announceWorker } from './workers.ts';

/** A project with a dataset version, for tests of what jobs do in Postgres. */
export async function makeProject(
  db: Database,
): Promise<{ projectId: string; datasetVersionId: string }> {
  const projectId = newId('prj');
  await db.project.create({ data: { id: projectId, name: 'test' } });
  const datasetId = newId('ds');
  await db.dataset.create({
    data: { id: datasetId, projectId, name: 'penguins', kind: 'table', latestVersion: 1 },
  });
  const datasetVersionId = newId('dsv');
  await db.datasetVersion.create({
    data: {
      id: datasetVersionId,
      datasetId,
      version: 1,
      kind: 'table',
      contentHash: 'c'.repeat(64),
      items: 344,
      bytes: 1n,
      profile: { kind: 'table', files: [] } as Prisma.InputJsonObject,
    },
  });
  return { projectId, datasetVersionId };
}

export interface JobChoice {
  name?: string;
  task?: CompletedSpec['task'];
  priority?: number;
  device?: 'cpu' | 'gpu';
  retries?: number;
  timeoutMinutes?: number;
  deploy?: CompletedSpec['deploy'];
}

export function specOf(choice: JobChoice): CompletedSpec {
  return {
    kind: 'train',
    name: choice.name ?? 'species',
    task: choice.task ?? 'tabular-classification',
    dataset: 'penguins@1',
    target: 'Species',
    model: { kind: 'linear' },
    split: { validation: 0.1, test: 0.1, seed: 1 },
    training: {
      epochs: 2,
      batchSize: 32,
      optimizer: { kind: 'adam', learningRate: 0.001 },
      schedule: { kind: 'constant' },
      l2: 0,
      seed: 1,
      precision: 'float32',
      earlyStopping: null,
    },
    resources: {
      device: 'auto',
      priority: choice.priority ?? 0,
      timeoutMinutes: choice.timeoutMinutes ?? 60,
      retries: choice.retries ?? 0,
    },
    ...(choice.deploy === undefined ? {} : { deploy: choice.deploy }),
  };
}

export async function submit(
  db: Database,
  project: { projectId: string; datasetVersionId: string },
  choice: JobChoice = {},
): Promise<JobRow> {
  const spec = specOf(choice);
  const { job } = await inTransaction(db, (tx) =>
    submitJob(tx, {
      ...project,
      name: spec.name,
      task: spec.task,
      spec,
      submittedSpec: { name: spec.name },
      device: choice.device ?? 'cpu',
      priority: spec.resources.priority,
      warnings: [],
    }),
  );
  return job;
}

export function claim(db: Database, leaseMs = 15_000): Promise<Claim | null> {
  return claimNextJob(db, { id: 'wrk_test', devices: ['cpu'], leaseMs });
}

export async function claimed(db: Database, leaseMs?: number): Promise<Claim> {
  const got = await claim(db, leaseMs);
  if (got === null) throw new Error('There was no job to claim.');
  return got;
}

export async function addWorker(
  db: Database,
  offers: { devices?: string[]; slots?: number } = {},
): Promise<string> {
  const id = newId('wrk');
  await announceWorker(db, {
    id,
    hostname: 'here',
    pid: 1,
    roles: ['train'],
    labels: {},
    devices: offers.devices ?? ['cpu'],
    slots: offers.slots ?? 1,
    version: '0.1.0',
  });
  return id;
}

const signature: ModelSignature = {
  task: 'tabular-classification',
  input: { kind: 'row', fields: [] },
  output: { kind: 'classes', labels: ['Adelie'] },
};

export function trainedModel(accuracy = 0.97): TrainedModel {
  const versionId = newId('mdv');
  const object = (key: string) => ({ key, sha256: 'a'.repeat(64), bytes: 10 });
  return {
    versionId,
    graph: object(`models/${versionId}/model.json`),
    weights: object(`models/${versionId}/weights.safetensors`),
    archive: object(`models/${versionId}/model.vanda`),
    splits: object(`jobs/${versionId}/splits.parquet`),
    predictions: {
      items: 34,
      parquet: object(`models/${versionId}/predictions.parquet`),
      testItems: object(`models/${versionId}/test-items.bin`),
    },
    engineVersion: '0.1.0',
    signature,
    metrics: { validation: { accuracy }, test: { accuracy } },
    bestEpoch: 1,
    warnings: ['A column was left out.'],
  };
}
