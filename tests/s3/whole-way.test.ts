import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient, uploadFile, waitForIngest, waitForJob } from '@vanda/client';
import { keyPrefixes, type ObjectStore, openObjectStore } from '@vanda/objects';
import { s3Missing, startS3, startStack, type TestS3, type TestStack } from '@vanda/testing';
import pg from 'pg';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { audit } from '../../tools/audit/audit.ts';
import { jsonFrom, runVanda } from '../cli/run-vanda.ts';
import { runAudit } from './run-audit.ts';

// The whole way with an S3 server in the place of the disk: every byte that a user sends or gets
// goes between the user and the store, and no server needs a folder that another one has.

const missing = s3Missing();
const root = join(import.meta.dirname, '../..');
const MiB = 1024 ** 2;
const gentoo = {
  Island: 'Biscoe',
  'Beak Length (mm)': 47,
  'Beak Depth (mm)': 15,
  'Flipper Length (mm)': 220,
  'Body Mass (g)': 5000,
  Sex: 'MALE',
};

let s3: TestS3;
let stack: TestStack;
let store: ObjectStore;
let client: Client;
let folder: string;

async function start(): Promise<void> {
  const server = await startS3();
  if (server === null) throw new Error('The S3 server is gone since a moment ago.');
  s3 = server;
  folder = await mkdtemp(join(tmpdir(), 'vanda-s3-'));
  const { accessKeyId, secretAccessKey } = s3.credentials;
  const env = {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    // A worker that was killed is missed soon.
    VANDA_LEASE_SECONDS: '2',
  };
  [stack, store] = await Promise.all([startStack({ objects: s3.url, env }), openObjectStore(s3)]);
  client = createClient({ baseUrl: stack.url, apiKey: stack.apiKey });
}

async function stop(): Promise<void> {
  await stack?.stop();
  await store?.close();
  await s3?.stop();
  await rm(folder, { recursive: true, force: true });
}

/** Runs the command with --json, expects success, answers the value. */
async function vanda<T = Record<string, unknown>>(args: string[], input = ''): Promise<T> {
  const ran = await runVanda([...args, '--json'], stack.cliEnvironment, input);
  if (ran.code !== 0) throw new Error(`vanda ${args.join(' ')}: ${ran.stdout}${ran.stderr}`);
  return jsonFrom<T>(ran);
}

async function query<T>(sql: string, values: unknown[] = []): Promise<T[]> {
  const database = new pg.Client({ connectionString: stack.postgres.url() });
  await database.connect();
  try {
    return (await database.query(sql, values)).rows as T[];
  } finally {
    await database.end();
  }
}

async function keysInStore(): Promise<string[]> {
  const keys: string[] = [];
  for (const prefix of keyPrefixes) {
    for await (const { key } of store.list(prefix)) keys.push(key);
  }
  return keys;
}

const audited = () => audit({ databaseUrl: stack.postgres.url(), store, drained: true });
const originOf = (url: string) => new URL(url).origin;

if (missing !== null) {
  describe('the whole way with S3', () => {
    it(`could not be tested: ${missing}`, (context) => context.skip());
  });
} else {
  describe('the whole way with S3', () => {
    beforeAll(start);
    afterAll(stop);
    wholeWay();
  });
}

function wholeWay(): void {
  it('takes a table and a folder of pictures, and shows samples of both', async () => {
    const penguins = join(root, 'node_modules/vega-datasets/data/penguins.json');
    const table = { version: 1, kind: 'table', accepted: 344, rejected: 0, reused: false };
    const push = ['datasets', 'push', 'penguins', penguins];
    expect(await vanda(push)).toMatchObject(table);
    expect(await vanda(push)).toMatchObject({ ...table, reused: true });
    const pictures = await drawPictures();
    const pushed = await vanda(['datasets', 'push', 'shades', pictures]);
    expect(pushed).toMatchObject({ kind: 'images', accepted: 24, rejected: 1 });

    const sample = (name: string) => client.datasets.preview({ params: { name, version: 1 } });
    expect(await sample('penguins')).toMatchObject({
      kind: 'table',
      columns: expect.arrayContaining(['Species', 'Island']),
      rows: expect.arrayContaining([expect.arrayContaining(['Adelie', 'Torgersen'])]),
    });
    expect(await sample('shades')).toMatchObject({
      kind: 'images',
      pictures: expect.arrayContaining([
        expect.objectContaining({ thumbnail: expect.stringMatching(/^data:image\/webp;base64,/) }),
      ]),
    });
    const version = await client.datasets.version({ params: { name: 'shades', version: 1 } });
    const rejected = await expectFromStore(version.rejectedUrl);
    expect(rejected.toString()).toMatch(/text\.png/);
  });

  it('sends parts to the store itself, and after an interruption only those missing', async () => {
    const bytes = Buffer.from('text\n'.padEnd(36 * MiB, `${'word '.repeat(200)}\n`));
    const file = {
      name: 'long.csv',
      size: bytes.byteLength,
      read: async (from: number, to: number) => new Uint8Array(bytes.subarray(from, to)),
      md5: (part: Uint8Array) => createHash('md5').update(part).digest('base64'),
      sha256: async () => createHash('sha256').update(bytes).digest('hex'),
    };
    const interruption = new AbortController();
    const options = { signal: interruption.signal, parallel: 1 };
    let resume = '';
    const first = uploadFile(client, file, {
      ...options,
      onUpload: (id) => {
        resume = id;
      },
      onProgress: ({ sent }) => {
        if (sent > 0) interruption.abort(new Error('the cable was pulled'));
      },
    });
    await expect(first).rejects.toThrow('the cable was pulled');

    const half = await client.uploads.get({ params: { id: resume } });
    expect(half.received).toMatchObject([{ number: 1, size: half.partSize }]);
    expect(half.parts.map(({ number }) => number)).toEqual([2, 3]);
    expect(half.parts.map(({ url }) => originOf(url))).toEqual([s3.endpoint, s3.endpoint]);

    const sent: string[] = [];
    const done = await uploadFile(client, file, {
      resume,
      putPart: async (url, part, { headers, signal }) => {
        sent.push(new URL(url).searchParams.get('partNumber') ?? '');
        const answer = await fetch(url, { method: 'PUT', body: part, headers, signal });
        return {
          status: answer.status,
          etag: answer.headers.get('etag'),
          text: await answer.text(),
        };
      },
    });
    expect(done.state).toBe('completed');
    expect(sent.sort()).toEqual(['2', '3']);
    const { id } = await client.ingests.create({
      params: { name: 'long' },
      body: { uploads: [resume] },
    });
    const ingest = await waitForIngest(client, id);
    expect(ingest).toMatchObject({ state: 'succeeded', version: 1 });
  });

  it('refuses a part that is not as long as it was signed for, or that was damaged', async () => {
    const part = randomBytes(100);
    const upload = await client.uploads.create({ body: { filename: 'x.csv', size: 100 } });
    const url = upload.parts[0]?.url ?? '';
    expect(originOf(url)).toBe(s3.endpoint);
    const put = async (body: Uint8Array<ArrayBuffer>, headers = {}) =>
      (await fetch(url, { method: 'PUT', body, headers })).status;
    const md5 = createHash('md5').update('something else').digest('base64');
    expect(await put(new Uint8Array(part.subarray(1)))).toBeGreaterThanOrEqual(400);
    expect(await put(new Uint8Array(part), { 'content-md5': md5 })).toBe(400);
    const { received } = await client.uploads.get({ params: { id: upload.uploadId } });
    expect(received).toEqual([]);
    await client.uploads.abort({ params: { id: upload.uploadId } });
  });

  it('trains and deploys, and predicts at the URL', async () => {
    const spec = join(root, 'examples/penguins.yaml');
    const ended = await vanda<Ended>(['jobs', 'submit', spec, '--wait']);
    expect(ended).toMatchObject({ state: 'succeeded', model: 'penguins@1' });
    expect(ended.metrics.test.accuracy).toBeGreaterThan(0.9);

    const answer = await fetch(ended.endpoint.url, {
      method: 'POST',
      headers: { authorization: `Bearer ${stack.apiKey}` },
      body: JSON.stringify({ instances: [gentoo] }),
    });
    expect(await answer.json()).toMatchObject({ predictions: [{ label: 'Gentoo' }] });
    const { splits } = await vanda<{ splits: string }>(['jobs', 'show', ended.id]);
    expect((await expectFromStore(splits)).toString('latin1', 0, 4)).toBe('PAR1');
  });

  it('gives the model to who asks for it, from the store', async () => {
    const file = join(folder, 'penguins.vanda');
    const saved = await vanda(['models', 'download', 'penguins@1', file]);
    const bytes = await readFile(file);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    expect(saved).toMatchObject({ bytes: bytes.length, sha256 });
    expect(bytes.toString('latin1')).toMatch(/^PK.*model\.json.*weights\.safetensors/s);

    const redirect = await fetch(`${stack.url}/api/v1/models/penguins/versions/1/download`, {
      headers: { authorization: `Bearer ${stack.apiKey}` },
      redirect: 'manual',
    });
    expect(redirect.status).toBe(302);
    const there = await expectFromStore(redirect.headers.get('location'));
    expect(there.equals(bytes)).toBe(true);
  });

  it('learns from pictures', async () => {
    const spec = {
      name: 'shades',
      task: 'image-classification',
      dataset: 'shades',
      model: { kind: 'linear' },
      deploy: { endpoint: 'shades' },
    };
    const ended = await vanda<Ended>(['jobs', 'submit', '-', '--wait'], JSON.stringify(spec));
    expect(ended).toMatchObject({ state: 'succeeded', endpoint: { name: 'shades' } });
    const picture = join(folder, 'shades/dark/0.png');
    const answer = await vanda(['predict', 'shades', `@${picture}`]);
    expect(answer).toMatchObject({ predictions: [{ label: 'dark' }] });
  });

  it('goes on from the checkpoint in the store when the worker is killed', async () => {
    const spec = {
      task: 'tabular-classification',
      dataset: 'penguins',
      target: 'Species',
      model: { kind: 'mlp', hidden: [256, 128] },
      training: { epochs: 120, batchSize: 16, earlyStopping: null },
    };
    const submit = async (name: string) =>
      (await vanda<{ id: string }>(['jobs', 'submit', '-'], JSON.stringify({ ...spec, name }))).id;
    const disturbed = await submit('disturbed');
    const kept = () => query('SELECT 1 FROM checkpoints WHERE job_id = $1', [disturbed]);
    await expect
      .poll(async () => (await kept()).length, { timeout: 20_000, interval: 20 })
      .toBeGreaterThan(0);
    expect((await keysInStore()).some((key) => key.startsWith('checkpoints/'))).toBe(true);
    await stack.processes.worker.killAndWait();
    const job = await waitForJob(client, disturbed);
    expect(job).toMatchObject({ state: 'succeeded' });
    expect(job.attempts.length).toBe(2);
    expect(Math.max(...job.attempts.map(({ startStep }) => startStep))).toBeGreaterThan(0);

    const undisturbed = await submit('undisturbed');
    await waitForJob(client, undisturbed);
    const weights = await query<{ sha256: string }>(
      `SELECT o.sha256 FROM model_versions v
       JOIN object_refs r ON r.owner_id = v.id AND r.role = 'weights'
       JOIN objects o ON o.key = r.object_key WHERE v.job_id = ANY($1)`,
      [[disturbed, undisturbed]],
    );
    expect(weights).toHaveLength(2);
    expect(weights[0]).toEqual(weights[1]);
  });

  it('deletes everything, says how much that freed, and leaves nothing in the store', async () => {
    await expect
      .poll(async () => (await audited()).findings, { timeout: 20_000, interval: 500 })
      .toEqual([]);
    const list = async (noun: string) =>
      (await vanda<{ data: { id: string; name: string }[] }>([noun, 'list'])).data;
    const removeAll = async (noun: string) => {
      const freed: number[] = [];
      for (const { id, name } of await list(noun)) {
        const args = [noun, 'delete', noun === 'jobs' ? id : name];
        freed.push((await vanda<{ freedBytes: number }>(args)).freedBytes);
      }
      return freed;
    };
    expect(await removeAll('endpoints')).toEqual([0, 0]);
    const some = expect.toSatisfy((bytes) => bytes > 0);
    expect(await removeAll('models')).toEqual([some, some, some, some]);
    expect(await removeAll('datasets')).toEqual([some, some, some]);
    expect(runAudit(stack, s3)).toMatchObject({ code: 0, findings: [] });
    expect(await removeAll('jobs')).toEqual([some, some, some, some]);
    expect(await keysInStore()).toEqual([]);
  });
}

interface Ended {
  id: string;
  state: string;
  model: string;
  metrics: { test: { accuracy: number } };
  endpoint: { name: string; url: string };
}

/** Downloads what the URL signs, which must lead to the S3 server and past the API. */
async function expectFromStore(url: string | null | undefined): Promise<Buffer> {
  expect(originOf(url ?? '')).toBe(s3.endpoint);
  const answer = await fetch(url ?? '');
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-disposition')).toMatch(/^attachment; filename="/);
  return Buffer.from(await answer.arrayBuffer());
}

/** Two labels, twelve pictures each, and a file that is none. */
async function drawPictures(): Promise<string> {
  const pictures = join(folder, 'shades');
  for (const label of ['dark', 'light']) {
    await mkdir(join(pictures, label), { recursive: true });
    for (let index = 0; index < 12; index++) {
      const shade = (label === 'dark' ? 0 : 240) + index;
      const background = { r: shade, g: shade, b: shade };
      const picture = sharp({ create: { width: 16, height: 16, channels: 3, background } });
      await picture.png().toFile(join(pictures, label, `${index}.png`));
    }
  }
  await writeFile(join(pictures, 'light/text.png'), 'this is no picture');
  return pictures;
}
