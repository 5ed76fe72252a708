import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { type CompletedSpec, completeSpec, type TableProfile, trainSpec } from '@vanda/contracts';
import { keyLayout, type ObjectStore, openObjectStore } from '@vanda/objects';
import { openSender, type QueueSender } from '@vanda/queue';
import {
  type Database,
  deliverOutbox,
  inTransaction,
  type JobRow,
  nameObject,
  newId,
  openDatabase,
  type Prisma,
  submitJob,
} from '@vanda/records';
import { startOwnPostgres, startPostgres, startRedis, type TestRedis } from '@vanda/testing';
import { SupervisedProcess } from '../../../../tools/services/supervised-process.ts';

const main = fileURLToPath(new URL('../main.ts', import.meta.url));
const penguins = fileURLToPath(
  new URL('../../../../node_modules/vega-datasets/data/penguins.json', import.meta.url),
);

/** Postgres, Redis, a store with the penguins in it, and as many real workers as a test starts; no API. */
export interface WorkerRig {
  db: Database;
  databaseUrl: string;
  redis: TestRedis;
  /** Only where the rig has its own, to be killed. */
  postgres: Awaited<ReturnType<typeof startOwnPostgres>> | null;
  objects: ObjectStore;
  sender: QueueSender;
  home: string;
  /** Submits as the API does: row and outbox in one transaction, then the doorbell. */
  submit(choice?: JobChoice): Promise<JobRow>;
  startWorker(options?: WorkerOptions): Promise<SupervisedProcess>;
  job(id: string): Promise<JobRow>;
  stop(): Promise<void>;
}

export interface JobChoice {
  name?: string;
  target?: string;
  hidden?: number[];
  priority?: number;
  training?: Partial<CompletedSpec['training']>;
  resources?: Partial<CompletedSpec['resources']>;
  deploy?: CompletedSpec['deploy'];
  /** In place of a network of its own, as it was completed. */
  model?: CompletedSpec['model'];
  /** Leaves the doorbell to the reconciler. */
  silent?: boolean;
}

export interface WorkerOptions {
  slots?: number;
  leaseSeconds?: number;
  graceSeconds?: number;
  /** Its own local files, as on a machine of its own. */
  home?: string;
  log?: string;
}

export async function startRig(options: { ownPostgres?: boolean } = {}): Promise<WorkerRig> {
  const home = await mkdtemp(join(tmpdir(), 'vanda-worker-'));
  const redis = await startRedis();
  const postgres = options.ownPostgres ? await startOwnPostgres({ durable: true }) : null;
  const database = await (postgres ?? (await startPostgres())).freshDatabase();
  const db = openDatabase(database.url);
  const secret = 'secret-of-the-worker-under-test-012345';
  const store = { url: `disk:${join(home, 'objects')}`, secret, publicUrl: 'http://127.0.0.1:1' };
  const objects = await openObjectStore(store);
  const sender = openSender(redis.url);
  const dataset = await addPenguins(db, objects, home);
  const workers: SupervisedProcess[] = [];
  return {
    db,
    databaseUrl: database.url,
    redis,
    postgres,
    objects,
    sender,
    home,
    job: (id) => db.job.findUniqueOrThrow({ where: { id } }),
    async submit(choice = {}) {
      const { job } = await inTransaction(db, (tx) => submitJob(tx, newJob(dataset, choice)));
      if (!choice.silent) await deliverOutbox(db, sender.enqueue, { subjectId: job.id });
      return job;
    },
    async startWorker(worker = {}) {
      const name = `worker-${workers.length + 1}`;
      const process_ = new SupervisedProcess({
        name,
        command: process.execPath,
        args: [main, '--roles', 'train', '--slots', String(worker.slots ?? 1), '--threads', '1'],
        graceMs: 30_000,
        logFile: join(home, `${name}.log`),
        env: {
          ...process.env,
          VANDA_HOME: worker.home ?? home,
          VANDA_DATABASE_URL: database.url,
          VANDA_REDIS_URL: redis.url,
          VANDA_OBJECTS: store.url,
          VANDA_SECRET: secret,
          VANDA_LOG: worker.log ?? 'info',
          VANDA_LEASE_SECONDS: String(worker.leaseSeconds ?? 3),
          VANDA_STOP_GRACE_SECONDS: String(worker.graceSeconds ?? 5),
        },
      });
      workers.push(process_);
      await process_.start();
      return process_;
    },
    async stop() {
      await Promise.all(workers.map((worker) => worker.stop()));
      await sender.close();
      await db.$disconnect();
      await database.drop().catch(() => {});
      await postgres?.stop();
      await redis.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

interface Penguins {
  projectId: string;
  datasetVersionId: string;
  profile: TableProfile;
}

function newJob(dataset: Penguins, choice: JobChoice) {
  const { name = 'species', target = 'Species', priority = 0, training, deploy } = choice;
  const submittedSpec = {
    name,
    task: 'tabular-classification',
    dataset: 'penguins',
    target,
    model: { kind: 'mlp', hidden: choice.hidden ?? [16] },
    training,
    resources: { priority, ...choice.resources },
    ...(deploy === undefined ? {} : { deploy }),
  };
  const { spec, warnings } = completeSpec(
    trainSpec.parse(submittedSpec),
    'penguins@1',
    dataset.profile,
  );
  if (choice.model) spec.model = choice.model;
  const { projectId, datasetVersionId } = dataset;
  const device = 'cpu' as const;
  const { task } = spec;
  return {
    projectId,
    datasetVersionId,
    name,
    task,
    spec,
    submittedSpec,
    device,
    priority,
    warnings,
  };
}

async function addPenguins(db: Database, objects: ObjectStore, home: string): Promise<Penguins> {
  const path = join(home, 'penguins.parquet');
  const duck = await (await DuckDBInstance.create()).connect();
  await duck.run(`COPY (SELECT * FROM read_json('${penguins}')) TO '${path}' (FORMAT parquet)`);
  const described = await duck.runAndReadAll(`DESCRIBE SELECT * FROM '${path}'`);
  const counted = await duck.runAndReadAll(`SELECT count(*)::int FROM '${path}'`);
  const items = Number(counted.getRows()[0]?.[0]);
  duck.closeSync();
  const projectId = newId('prj');
  const draft = await objects.putFile(keyLayout.datasetContent(projectId, 'a'.repeat(64)), path);
  const stored = await objects.putFile(keyLayout.datasetContent(projectId, draft.sha256), path);
  await objects.delete(draft.key);
  const { sha256, size: bytes } = stored;
  const file = { key: stored.key, sha256, bytes, items };
  const nothing = { count: items, nulls: 0, distinct: 0, min: null, max: null, mean: null };
  const columns = described.getRows().map(([name, type]) => ({
    name: String(name),
    type: type === 'VARCHAR' ? ('text' as const) : ('number' as const),
    ...nothing,
    quantiles: null,
    top: [],
  }));
  const splits = { train: 0, validation: 0, test: 0 };
  const files = { files: [file], preview: file };
  const profile: TableProfile = {
    kind: 'table',
    items,
    splits,
    splitColumn: null,
    columns,
    ...files,
  };
  const datasetId = newId('ds');
  const datasetVersionId = newId('dsv');
  await inTransaction(db, async (tx) => {
    await tx.project.create({ data: { id: projectId, name: 'test' } });
    const dataset = { id: datasetId, projectId, name: 'penguins', kind: 'table', latestVersion: 1 };
    await tx.dataset.create({ data: dataset });
    await tx.datasetVersion.create({
      data: {
        id: datasetVersionId,
        datasetId,
        version: 1,
        kind: 'table',
        contentHash: sha256,
        items,
        bytes,
        profile: profile as unknown as Prisma.InputJsonObject,
      },
    });
    const owner = { kind: 'dataset-version' as const, id: datasetVersionId };
    await nameObject(tx, projectId, { key: stored.key, sha256, bytes }, owner, 'shard');
  });
  return { projectId, datasetVersionId, profile };
}

/** The training processes that work below a folder, by /proc. */
export function trainingProcesses(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return (
          line.includes('training/child.ts') && readlinkSync(`/proc/${pid}/cwd`).startsWith(folder)
        );
      } catch {
        return false;
      }
    });
}
