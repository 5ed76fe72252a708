import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type UploadSource, uploadFile, waitForIngest, waitForJob } from '@vanda/client';
import { s3Missing } from '@vanda/testing';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { audit } from '../../tools/audit/audit.ts';
import { type S3Stack, startS3Stack } from './s3-stack.ts';

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

let on: S3Stack;

const audited = () =>
  audit({ databaseUrl: on.stack.postgres.url(), store: on.store, drained: true });
const originOf = (url: string) => new URL(url).origin;

if (missing !== null) {
  describe('the whole way with S3', () => {
    it(`could not be tested: ${missing}`, (context) => context.skip());
  });
} else {
  describe('the whole way with S3', () => {
    beforeAll(async () => {
      on = await startS3Stack();
    });
    afterAll(() => on?.stop());
    wholeWay();
  });
}

function wholeWay(): void {
  it('takes a table and a folder of pictures, and shows samples of both', async () => {
    const penguins = join(root, 'node_modules/vega-datasets/data/penguins.json');
    const table = { version: 1, kind: 'table', accepted: 344, rejected: 0, reused: false };
    const push = ['datasets', 'push', 'penguins', penguins];
    expect(await on.vanda(push)).toMatchObject(table);
    expect(await on.vanda(push)).toMatchObject({ ...table, reused: true });
    const pictures = await drawPictures();
    const pushed = await on.vanda(['datasets', 'push', 'shades', pictures]);
    expect(pushed).toMatchObject({ kind: 'images', accepted: 24, rejected: 1 });

    const sample = (name: string) => on.client.datasets.preview({ params: { name, version: 1 } });
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
    const version = await on.client.datasets.version({ params: { name: 'shades', version: 1 } });
    const rejected = await expectFromStore(version.rejectedUrl);
    expect(rejected.toString()).toMatch(/text\.png/);
  });

  it('sends parts to the store itself, and after an interruption only those missing', async () => {
    const bytes = Buffer.from('text\n'.padEnd(36 * MiB, `${'word '.repeat(200)}\n`));
    const file = fileOf('long.csv', bytes);
    const interruption = new AbortController();
    const options = { signal: interruption.signal, parallel: 1 };
    let resume = '';
    const first = uploadFile(on.client, file, {
      ...options,
      onUpload: (id) => {
        resume = id;
      },
      onProgress: ({ sent }) => {
        if (sent > 0) interruption.abort(new Error('the cable was pulled'));
      },
    });
    await expect(first).rejects.toThrow('the cable was pulled');

    const half = await on.client.uploads.get({ params: { id: resume } });
    expect(half.received).toMatchObject([{ number: 1, size: half.partSize }]);
    expect(half.parts.map(({ number }) => number)).toEqual([2, 3]);
    expect(half.parts.map(({ url }) => originOf(url))).toEqual([on.s3.endpoint, on.s3.endpoint]);

    const sent: string[] = [];
    const done = await uploadFile(on.client, file, {
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
    const { id } = await on.client.ingests.create({
      params: { name: 'long' },
      body: { uploads: [resume] },
    });
    const ingest = await waitForIngest(on.client, id);
    expect(ingest).toMatchObject({ state: 'succeeded', version: 1 });
  });

  it('refuses a part that is not as long as it was signed for, or that was damaged', async () => {
    const part = randomBytes(100);
    const upload = await on.client.uploads.create({ body: { filename: 'x.csv', size: 100 } });
    const url = upload.parts[0]?.url ?? '';
    expect(originOf(url)).toBe(on.s3.endpoint);
    const put = async (body: Uint8Array<ArrayBuffer>, headers = {}) =>
      (await fetch(url, { method: 'PUT', body, headers })).status;
    const md5 = createHash('md5').update('something else').digest('base64');
    expect(await put(new Uint8Array(part.subarray(1)))).toBeGreaterThanOrEqual(400);
    expect(await put(new Uint8Array(part), { 'content-md5': md5 })).toBe(400);
    const { received } = await on.client.uploads.get({ params: { id: upload.uploadId } });
    expect(received).toEqual([]);
    await on.client.uploads.abort({ params: { id: upload.uploadId } });
  });

  it('trains and deploys, and predicts at the URL', async () => {
    const spec = join(root, 'examples/penguins.yaml');
    const ended = await on.vanda<Ended>(['jobs', 'submit', spec, '--wait']);
    expect(ended).toMatchObject({ state: 'succeeded', model: 'penguins@1' });
    expect(ended.metrics.test.accuracy).toBeGreaterThan(0.9);

    const answer = await fetch(ended.endpoint.url, {
      method: 'POST',
      headers: { authorization: `Bearer ${on.stack.apiKey}` },
      body: JSON.stringify({ instances: [gentoo] }),
    });
    expect(await answer.json()).toMatchObject({ predictions: [{ label: 'Gentoo' }] });
    const { splits } = await on.vanda<{ splits: string }>(['jobs', 'show', ended.id]);
    expect((await expectFromStore(splits)).toString('latin1', 0, 4)).toBe('PAR1');
  });

  it('gives the model to who asks for it, from the store', async () => {
    const file = join(on.folder, 'penguins.vanda');
    const saved = await on.vanda(['models', 'download', 'penguins@1', file]);
    const bytes = await readFile(file);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    expect(saved).toMatchObject({ bytes: bytes.length, sha256 });
    expect(bytes.toString('latin1')).toMatch(/^PK.*model\.json.*weights\.safetensors/s);

    const redirect = await fetch(`${on.stack.url}/api/v1/models/penguins/versions/1/download`, {
      headers: { authorization: `Bearer ${on.stack.apiKey}` },
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
    const ended = await on.vanda<Ended>(['jobs', 'submit', '-', '--wait'], JSON.stringify(spec));
    expect(ended).toMatchObject({ state: 'succeeded', endpoint: { name: 'shades' } });
    const picture = join(on.folder, 'shades/dark/0.png');
    const answer = await on.vanda(['predict', 'shades', `@${picture}`]);
    expect(answer).toMatchObject({ predictions: [{ label: 'dark' }] });
  });

  it('goes on from the checkpoint in the store when the worker is killed', async () => {
    const disturbed = await submitSlow('disturbed', 120);
    const kept = () => on.query('SELECT 1 FROM checkpoints WHERE job_id = $1', [disturbed]);
    await expect
      .poll(async () => (await kept()).length, { timeout: 20_000, interval: 20 })
      .toBeGreaterThan(0);
    expect((await on.keysInStore()).some((key) => key.startsWith('checkpoints/'))).toBe(true);
    await on.stack.processes.worker.killAndWait();
    const job = await waitForJob(on.client, disturbed);
    expect(job).toMatchObject({ state: 'succeeded' });
    expect(job.attempts.length).toBe(2);
    expect(Math.max(...job.attempts.map(({ startStep }) => startStep))).toBeGreaterThan(0);

    const undisturbed = await submitSlow('undisturbed', 120);
    await waitForJob(on.client, undisturbed);
    const weights = await on.query<{ sha256: string }>(
      `SELECT o.sha256 FROM model_versions v
       JOIN object_refs r ON r.owner_id = v.id AND r.role = 'weights'
       JOIN objects o ON o.key = r.object_key WHERE v.job_id = ANY($1)`,
      [[disturbed, undisturbed]],
    );
    expect(weights).toHaveLength(2);
    expect(weights[0]).toEqual(weights[1]);
  });

  it('waits for a store that was killed: uploads, trainings and answers go on', async () => {
    const bytes = Buffer.from('text\n'.padEnd(20 * MiB, `${'other '.repeat(200)}\n`));
    let back: Promise<void> | undefined;
    const upload = await uploadFile(on.client, fileOf('other.csv', bytes), {
      parallel: 1,
      onProgress: ({ sent }) => {
        if (sent > 0) back ??= on.s3.process.killAndWait();
      },
    });
    await back;
    expect(upload.state).toBe('completed');
    await on.client.uploads.abort({ params: { id: upload.uploadId } });

    const job = await submitSlow('interrupted', 40);
    await expect.poll(() => stateOf(job), { timeout: 10_000, interval: 20 }).toBe('running');
    await on.s3.process.stop();
    const meanwhile = on.client.uploads.create(
      { body: { filename: 'x.csv', size: 10 } },
      { retries: 0 },
    );
    await expect(meanwhile).rejects.toMatchObject({ code: 'unavailable' });
    await expect(on.vanda(['predict', 'penguins', JSON.stringify(gentoo)])).resolves.toBeDefined();
    // The training ends meanwhile, and its model has nowhere to go to.
    await sleep(2000);
    expect(await stateOf(job)).toBe('running');
    await on.s3.process.start();
    expect(await waitForJob(on.client, job)).toMatchObject({
      state: 'succeeded',
      attempts: [{ state: 'succeeded' }],
    });
  });

  it('deletes everything, says how much that freed, and leaves nothing in the store', async () => {
    await expect
      .poll(async () => (await audited()).findings, { timeout: 20_000, interval: 500 })
      .toEqual([]);
    const list = async (noun: string) =>
      (await on.vanda<{ data: { id: string; name: string }[] }>([noun, 'list'])).data;
    const removeAll = async (noun: string) => {
      const freed: number[] = [];
      for (const { id, name } of await list(noun)) {
        const args = [noun, 'delete', noun === 'jobs' ? id : name];
        freed.push((await on.vanda<{ freedBytes: number }>(args)).freedBytes);
      }
      return freed;
    };
    expect(await removeAll('endpoints')).toEqual([0, 0]);
    const some = expect.toSatisfy((bytes) => bytes > 0);
    expect(await removeAll('models')).toEqual([some, some, some, some, some]);
    expect(await removeAll('datasets')).toEqual([some, some, some]);
    expect(on.runAudit()).toMatchObject({ code: 0, findings: [] });
    expect(await removeAll('jobs')).toEqual([some, some, some, some, some]);
    expect(await on.keysInStore()).toEqual([]);
  });
}

interface Ended {
  id: string;
  state: string;
  model: string;
  metrics: { test: { accuracy: number } };
  endpoint: { name: string; url: string };
}

/** Some seconds of work on the penguins; answers the job's id. */
async function submitSlow(name: string, epochs: number): Promise<string> {
  const spec = {
    name,
    task: 'tabular-classification',
    dataset: 'penguins',
    target: 'Species',
    model: { kind: 'mlp', hidden: [256, 128] },
    training: { epochs, batchSize: 16, earlyStopping: null },
  };
  const submitted = on.vanda<{ id: string }>(['jobs', 'submit', '-'], JSON.stringify(spec));
  return (await submitted).id;
}

const stateOf = async (id: string) => (await on.client.jobs.get({ params: { id } })).state;

/** Bytes in memory as the command sends files, with hashes of the parts and of the whole. */
function fileOf(name: string, bytes: Buffer): UploadSource {
  return {
    name,
    size: bytes.byteLength,
    read: async (from, to) => new Uint8Array(bytes.subarray(from, to)),
    md5: (part) => createHash('md5').update(part).digest('base64'),
    sha256: async () => createHash('sha256').update(bytes).digest('hex'),
  };
}

/** Downloads what the URL signs, which must lead to the S3 server and past the API. */
async function expectFromStore(url: string | null | undefined): Promise<Buffer> {
  expect(originOf(url ?? '')).toBe(on.s3.endpoint);
  const answer = await fetch(url ?? '');
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-disposition')).toMatch(/^attachment; filename="/);
  return Buffer.from(await answer.arrayBuffer());
}

/** Two labels, twelve pictures each, and a file that is none. */
async function drawPictures(): Promise<string> {
  const pictures = join(on.folder, 'shades');
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
