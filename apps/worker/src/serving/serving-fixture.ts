import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ModelSignature, VandaError } from '@vanda/contracts';
import type { Prediction, Predictor } from '@vanda/estimators';
import { keyLayout, openObjectStore } from '@vanda/objects';
import {
  announceWorker,
  createEndpoint,
  createKey,
  deployVersion,
  inTransaction,
  nameObject,
  newId,
  openDatabase,
} from '@vanda/records';
import { startPostgres, type TestPostgres } from '@vanda/testing';
import { type ServingDeps, startServing } from './start-serving.ts';

export const signature: ModelSignature = {
  task: 'tabular-regression',
  input: { kind: 'row', fields: [{ name: 'x', type: 'number', optional: true, example: 1 }] },
  output: { kind: 'number', target: 'y' },
};
export const secret = 's'.repeat(64);
const quiet = { info() {}, warn() {}, error() {} };

/** y = x * factor + version's own offset, read from the weights; for tests of everything around the arithmetic. */
export class LinePredictor implements Predictor {
  readonly signature = signature;
  readonly calls: number[] = [];
  private readonly offset: number;
  closed = false;
  constructor(offset: number) {
    this.offset = offset;
  }
  async warm(): Promise<void> {}
  async predict(instances: readonly unknown[]): Promise<Prediction[]> {
    if (this.closed) throw new Error('predicted with a closed model');
    this.calls.push(instances.length);
    await new Promise((resolve) => setTimeout(resolve, 2));
    return instances.map((instance, index) => {
      const x = (instance as { x?: unknown }).x;
      if (typeof x === 'number') return x + this.offset;
      throw new VandaError('invalid-request', `Instance ${index}: "x" must be a number.`);
    });
  }
  close(): void {
    this.closed = true;
  }
}

/** The JSON of an answer, as the test expects it to be. */
export async function jsonOf<T = { predictions: number[] }>(response: Response): Promise<T> {
  return (await response.json()) as T;
}

/** A database with a project, a model with versions whose weights are their number, and a started server. */
export async function startFixture(
  given: Partial<ServingDeps> = {},
  versions = 3,
  postgres?: TestPostgres,
) {
  const database = await (postgres ?? (await startPostgres())).freshDatabase();
  const db = openDatabase(database.url);
  const folder = mkdtempSync(join(tmpdir(), 'vanda-serving-'));
  const objects = await openObjectStore({
    url: `disk:${join(folder, 'objects')}`,
    secret,
    publicUrl: 'http://127.0.0.1:1',
  });
  const project = await makeProject(db);
  const stranger = await makeProject(db);
  const made: { id: string; version: number; modelId: string }[] = [];
  const modelId = newId('mdl');
  await db.model.create({
    data: { id: modelId, projectId: project.id, name: 'line', task: signature.task },
  });
  const data = await makeDatasetVersion(db, project.id);
  for (let version = 1; version <= versions; version++) {
    made.push(await makeVersion(version));
  }
  const workerId = newId('wrk');
  await announceWorker(db, {
    id: workerId,
    hostname: 'test',
    pid: process.pid,
    roles: ['serve'],
    labels: {},
    devices: ['cpu'],
    slots: 0,
    version: '0',
  });
  const loaded: LinePredictor[] = [];
  const server = await startServing({
    db,
    databaseUrl: database.url,
    objects,
    workerId,
    host: '127.0.0.1',
    port: 0,
    secret,
    cacheFolder: join(folder, 'cache'),
    log: quiet,
    loadPredictor: async (at) => {
      const offset = Number(await readFile(join(at, 'weights.safetensors'), 'utf8'));
      const predictor = new LinePredictor(offset);
      loaded.push(predictor);
      return predictor;
    },
    ...given,
  });

  async function makeVersion(version: number) {
    const id = newId('mdv');
    const jobId = newId('job');
    await db.job.create({
      data: {
        id: jobId,
        projectId: project.id,
        kind: 'train',
        name: 'line',
        task: signature.task,
        state: 'succeeded',
        spec: {},
        submittedSpec: {},
        datasetVersionId: data,
        device: 'cpu',
      },
    });
    await db.modelVersion.create({
      data: {
        id,
        modelId,
        version,
        jobId,
        datasetVersionId: data,
        spec: {},
        engineVersion: '0',
        signature: signature as object,
        metrics: {},
        bytes: 2n,
      },
    });
    const files = { graph: ['model.json', '{}'], weights: ['weights.safetensors', `${version}00`] };
    for (const [role, [file = '', text = '']] of Object.entries(files)) {
      const stored = await objects.put(keyLayout.modelFile(id, file), Buffer.from(text));
      const facts = { key: stored.key, sha256: stored.sha256, bytes: stored.size };
      const owner = { kind: 'model-version' as const, id };
      await inTransaction(db, (tx) => nameObject(tx, project.id, facts, owner, role));
    }
    return { id, version, modelId };
  }

  const target = (version: number) => {
    const found = made.find((each) => each.version === version);
    if (found === undefined) throw new Error(`There is no version ${version}.`);
    return found;
  };
  let endpointId = '';
  return {
    db,
    database,
    objects,
    project,
    stranger,
    workerId,
    server,
    cacheFolder: join(folder, 'cache'),
    loaded,
    target,
    endpointId: () => endpointId,
    async create(version: number, name = 'line') {
      const actor = 'test';
      const made = await inTransaction(db, (tx) =>
        createEndpoint(tx, { projectId: project.id, name, target: target(version), actor }),
      );
      endpointId = made.id;
      return made;
    },
    deploy(version: number) {
      const endpoint = { id: endpointId, projectId: project.id, name: 'line', modelId };
      return inTransaction(db, (tx) =>
        deployVersion(tx, endpoint, 'deploy', target(version), 'test'),
      );
    },
    /** What the server says of the endpoint in Postgres. */
    async reported() {
      return db.endpointServing.findFirst({ where: { endpointId, workerId } });
    },
    async waitFor(seq: number, state = 'ready') {
      for (let tries = 0; tries < 400; tries++) {
        const row = await this.reported();
        if (row?.seq === seq && row.state === state) return row;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      throw new Error(`The endpoint was not ${state} with entry ${seq}.`);
    },
    post(path: string, body: unknown, headers: Record<string, string> = {}) {
      return fetch(`${server.url}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${project.key}`, ...headers },
        body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
      });
    },
    get(path: string, key: string | null = project.key) {
      const headers: Record<string, string> =
        key === null ? {} : { authorization: `Bearer ${key}` };
      return fetch(`${server.url}${path}`, { headers });
    },
    async [Symbol.asyncDispose]() {
      await server.close();
      await db.$disconnect();
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };

  async function makeProject(at: typeof db) {
    const id = newId('prj');
    await at.project.create({ data: { id, name: id } });
    const { row, key } = await inTransaction(at, (tx) => createKey(tx, id, 'test'));
    return { id, key, keyId: row.id };
  }
}

async function makeDatasetVersion(db: ReturnType<typeof openDatabase>, projectId: string) {
  const datasetId = newId('ds');
  const id = newId('dsv');
  await db.dataset.create({ data: { id: datasetId, projectId, name: 'points' } });
  await db.datasetVersion.create({
    data: {
      id,
      datasetId,
      version: 1,
      kind: 'table',
      contentHash: '0',
      items: 1,
      bytes: 1n,
      profile: {},
    },
  });
  return id;
}
