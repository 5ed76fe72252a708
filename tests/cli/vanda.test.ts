import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelExportView } from '@vanda/contracts';
import { startStack, type TestStack } from '@vanda/testing';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startOnePartServer } from './one-part-server.ts';
import { jsonFrom, runVanda } from './run-vanda.ts';

// The way of a CI pipeline: push, submit and wait, deploy, predict, clean up; every step through the command alone.

const root = join(import.meta.dirname, '../..');
const penguins = join(root, 'node_modules/vega-datasets/data/penguins.json');
let stack: TestStack;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vanda-cli-'));
  stack = await startStack();
});
afterAll(async () => {
  await stack?.stop();
  await rm(folder, { recursive: true });
});

const vanda = (args: string[], input?: string) => runVanda(args, stack.cliEnvironment, input);
/** Runs with --json, expects success, answers the value. */
async function ask<T = Record<string, unknown>>(...args: string[]): Promise<T> {
  const ran = await vanda([...args, '--json']);
  if (ran.code !== 0) throw new Error(`vanda ${args.join(' ')}: ${ran.stdout}${ran.stderr}`);
  return jsonFrom<T>(ran);
}
/** Runs with --json and expects the problem object. */
async function refusal(...args: string[]) {
  const ran = await vanda([...args, '--json']);
  expect(ran.code).toBe(1);
  return jsonFrom<{ code: string; detail: string; errors?: object[] }>(ran);
}

const row = {
  Island: 'Biscoe',
  'Beak Length (mm)': 47,
  'Beak Depth (mm)': 15,
  'Flipper Length (mm)': 220,
  'Body Mass (g)': 5000,
  Sex: 'MALE',
};

test('datasets: push, push again, list, show', async () => {
  const pushed = await ask('datasets', 'push', 'penguins', penguins);
  expect(pushed).toEqual({
    name: 'penguins',
    version: 1,
    kind: 'table',
    accepted: 344,
    rejected: 0,
    reused: false,
  });
  const again = await ask('datasets', 'push', 'penguins', penguins);
  expect(again).toEqual({ ...pushed, reused: true });
  const list = await ask<{ object: string; data: object[] }>('datasets', 'list');
  expect(list).toMatchObject({ object: 'list', data: [{ name: 'penguins', latestVersion: 1 }] });
  expect(await ask('datasets', 'show', 'penguins')).toMatchObject({
    name: 'penguins',
    latest: { items: 344 },
  });
  const shown = await vanda(['datasets', 'show', 'penguins@1']);
  expect(shown.stdout).toMatch(/Species +text/);
});

test('datasets: what cannot be used is refused with a sentence', async () => {
  const empty = join(folder, 'empty.csv');
  await writeFile(empty, '');
  expect((await refusal('datasets', 'push', 'nothing', empty)).code).toBe('bad-data');
  const human = await vanda(['datasets', 'push', 'nothing', empty]);
  expect([human.code, human.stdout]).toEqual([1, '']);
  expect(human.stderr).toMatch(/^vanda: .+\.$/m);
  expect(human.stderr).not.toMatch(/\n\s+at /);
  expect((await refusal('datasets', 'show', 'nobody')).code).toBe('not-found');
});

test('datasets: a push that was killed goes on with what is missing', async () => {
  const file = join(folder, 'large.csv');
  const line = 'a,b,c\n';
  await writeFile(file, line + '1.5,2.5,three\n'.repeat(1_300_000));
  const before = await startOnePartServer(stack.url);
  const own = { XDG_CACHE_HOME: folder, VANDA_HOME: join(folder, 'none') };
  const killed = runVanda(
    ['datasets', 'push', 'large', file],
    { ...stack.cliEnvironment, ...own, VANDA_URL: before.url },
    '',
    { until: async () => before.partsArrived() > 0, signal: 'SIGKILL' },
  );
  expect((await killed).code).toBeNull();
  // The second push goes by the same address: what is remembered is remembered by server.
  before.passEverything();
  const pushed = await runVanda(['datasets', 'push', 'large', file, '--json'], {
    ...stack.cliEnvironment,
    ...own,
    VANDA_URL: before.url,
  });
  expect(jsonFrom(pushed)).toMatchObject({ accepted: 1_300_000, rejected: 0 });
  expect(before.uploadsBegun()).toBe(1);
  expect(before.partsArrived()).toBe(before.partsSent());
  await before.stop();
});

test('jobs: a wrong spec is refused with a pointer', async () => {
  const spec = join(folder, 'wrong.yaml');
  await writeFile(
    spec,
    'name: x\ntask: tabular-classification\ndataset: penguins\ntarget: Species\n' +
      'training: { epochs: 0 }\nfrob: 1\n',
  );
  const problem = await refusal('jobs', 'submit', spec);
  expect(problem.code).toBe('invalid-spec');
  expect(problem.errors).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ pointer: expect.stringMatching(/\/training\/epochs$/) }),
      expect.objectContaining({ pointer: expect.stringMatching(/\/frob$/) }),
    ]),
  );
  expect((await vanda(['jobs', 'submit', spec])).stderr).toMatch(/\/training\/epochs: Must be/);
});

interface Ended {
  id: string;
  state: string;
  model: string;
  metrics: { validation: { accuracy: number }; test: { accuracy: number } };
  endpoint: { name: string; url: string };
}
const example = join(root, 'examples/penguins.yaml');

test('jobs: submit and wait, then show, logs, list', async () => {
  const ended = await ask<Ended>('jobs', 'submit', example, '--wait');
  expect(ended).toMatchObject({ state: 'succeeded', model: 'penguins@1' });
  expect(ended.metrics.test.accuracy).toBeGreaterThan(0.9);
  expect(ended.endpoint).toEqual({
    name: 'penguins',
    url: `${stack.inferenceUrl}/v1/models/penguins:predict`,
  });
  const job = await ask<{ splits: string }>('jobs', 'show', ended.id);
  const splits = await fetch(job.splits);
  expect(Buffer.from(await splits.arrayBuffer()).toString('latin1', 0, 4)).toBe('PAR1');
  expect(await ask('jobs', 'logs', ended.id)).toMatchObject({ object: 'list' });
  expect(await ask('jobs', 'list')).toMatchObject({ data: [{ id: ended.id }] });
  expect((await vanda(['jobs', 'list'])).stdout).toMatch(/succeeded +penguins@1/);
});

test('jobs: one that fails exits 1 and says why', async () => {
  const spec =
    'name: huge\ntask: tabular-regression\ndataset: penguins\ntarget: Body Mass (g)\n' +
    'model: { kind: mlp }\ntraining: { optimizer: { kind: sgd, learningRate: 1.0e+308 } }\n';
  const ran = await vanda(['jobs', 'submit', '-', '--wait', '--json'], spec);
  expect(ran.code).toBe(1);
  expect(jsonFrom(ran)).toMatchObject({
    state: 'failed',
    code: 'diverged',
    failure: { kind: 'user' },
  });
});

test('predict: an instance, a list, a file, a picture where rows are wanted', async () => {
  const one = await ask<{ predictions: { score: number }[] }>(
    'predict',
    'penguins',
    JSON.stringify(row),
  );
  expect(one.predictions).toEqual([
    { label: 'Gentoo', score: expect.any(Number), scores: expect.any(Object) },
  ]);
  const score = one.predictions[0]?.score ?? Number.NaN;
  const file = join(folder, 'rows.json');
  await writeFile(file, JSON.stringify([row, row]));
  const two = await ask<{ predictions: object[] }>('predict', 'penguins', `@${file}`);
  // A product of two rows may add its terms in another order than that of one row.
  const alike = expect.objectContaining({ label: 'Gentoo', score: expect.closeTo(score, 6) });
  expect(two.predictions).toEqual([alike, alike]);
  const wrong = await refusal('predict', 'penguins', '{"Body Mass (g)": 5000}');
  expect(wrong.detail).toMatch(/^Instance 0 .*Island/);
});

test('pictures: push a folder, train, predict a file', async () => {
  const pictures = join(folder, 'shades');
  const draw = async (label: string, name: string, shade: number) => {
    await mkdir(join(pictures, label), { recursive: true });
    const background = { r: shade, g: shade, b: shade };
    const picture = sharp({ create: { width: 16, height: 16, channels: 3, background } });
    await picture.png().toFile(join(pictures, label, `${name}.png`));
  };
  for (let index = 0; index < 40; index++) {
    await draw('dark 🌙', `${index}`, index);
    await draw('light', `${index}`, 215 + index);
  }
  await writeFile(join(pictures, 'light/text.png'), 'this is no picture');
  expect(await ask('datasets', 'push', 'shades', pictures)).toMatchObject({
    kind: 'images',
    accepted: 80,
    rejected: 1,
  });
  const spec = join(folder, 'shades.json');
  await writeFile(
    spec,
    JSON.stringify({
      name: 'shades',
      task: 'image-classification',
      dataset: 'shades@1',
      model: { kind: 'linear' },
      deploy: { endpoint: 'shades' },
    }),
  );
  expect(await ask('jobs', 'submit', spec, '--wait')).toMatchObject({ model: 'shades@1' });
  const answer = await ask('predict', 'shades', `@${join(pictures, 'dark 🌙/0.png')}`);
  expect(answer).toMatchObject({ predictions: [{ label: 'dark 🌙' }] });
  const problem = await refusal('predict', 'shades', `@${join(pictures, 'light/text.png')}`);
  expect(problem).toMatchObject({ code: 'invalid-request' });
});

test('models: list, show, download', async () => {
  expect(await ask('models', 'list')).toMatchObject({
    data: expect.arrayContaining([expect.objectContaining({ name: 'penguins' })]),
  });
  expect(await ask('models', 'show', 'penguins@1')).toMatchObject({ version: 1 });
  const file = join(folder, 'penguins.vanda');
  const saved = await ask<{ bytes: number }>('models', 'download', 'penguins@1', file);
  const bytes = await readFile(file);
  expect(bytes.length).toBe(saved.bytes);
  expect(bytes.toString('latin1')).toMatch(/^PK.*model\.json.*weights\.safetensors/s);
});

test('models: the layers that a new head can be put on', async () => {
  const layers = await ask<{ layers: string[] }>('models', 'layers', 'shades');
  expect(layers).toMatchObject({ model: 'shades', version: 1, features: layers.layers.at(-2) });
  expect(layers.layers.at(-1)).toBe('logits');
  const rows = await vanda(['models', 'layers', 'penguins@1']);
  expect(rows.stdout).toContain('It names no layers: it is of tables');
});

test('models: export to ONNX, of rows and of pictures', async () => {
  for (const name of ['penguins', 'shades']) {
    const file = join(folder, `${name}.onnx`);
    const made = await ask<ModelExportView & { bytes: number }>(
      ...['models', 'export', `${name}@1`, file, '--format', 'onnx'],
    );
    expect(made).toMatchObject({
      object: 'export',
      state: 'succeeded',
      report: { topOneAgreement: 1, split: 'validation', ranWith: 'ONNX Runtime' },
    });
    expect(made.report?.maxAbsoluteDifference).toBeLessThan(1e-4);
    expect((await readFile(file)).length).toBe(made.bytes);
  }
  const refused = await refusal(
    'models',
    'export',
    'penguins@1',
    join(folder, 'x'),
    '--format',
    'pmml',
  );
  expect(refused).toMatchObject({ code: 'invalid-request' });
  expect(refused.detail).toContain('--format');
});

test('models: compare two versions by the rows on which they differ', async () => {
  // A version agrees with itself on every row of its test split.
  expect(await ask('models', 'compare', 'penguins@1', 'penguins@1')).toMatchObject({
    object: 'list',
    data: [],
    shared: 34,
    counts: { onlyFirst: 0, onlySecond: 0, bothWrongDifferently: 0 },
  });
  const shown = await ask<{ predictions: string }>('models', 'show', 'penguins@1');
  expect((await fetch(shown.predictions)).status).toBe(200);
  expect((await refusal('models', 'compare', 'penguins@1', 'other@1')).code).toBe(
    'invalid-request',
  );
  expect((await refusal('models', 'compare', 'penguins@1', 'penguins@99')).code).toBe('not-found');
});

test('endpoints: create, deploy, roll back, show, delete', async () => {
  await ask('jobs', 'submit', example, '--wait');
  const version = async () =>
    (await ask<{ serving: { state: string }; version: number }>('endpoints', 'show', 'second'))
      .version;
  const made = await ask('endpoints', 'create', 'second', 'penguins@1');
  expect(made).toMatchObject({ name: 'second', version: 1, serving: { state: 'ready' } });
  expect(await ask('endpoints', 'deploy', 'second', 'penguins@2')).toMatchObject({ version: 2 });
  expect(await ask('endpoints', 'rollback', 'second')).toMatchObject({ version: 1 });
  expect(await version()).toBe(1);
  expect(await ask('endpoints', 'list')).toMatchObject({ object: 'list' });
  expect((await refusal('models', 'delete', 'penguins@1')).code).toBe('in-use');
  expect(await ask('endpoints', 'delete', 'second')).toMatchObject({ object: 'deleted' });
  expect((await refusal('predict', 'second', JSON.stringify(row))).code).toBe('not-found');
});

test('keys: create, list, revoke', async () => {
  const key = await ask<{ id: string; key: string }>('keys', 'create', 'ci');
  const as = { ...stack.cliEnvironment, VANDA_API_KEY: key.key };
  expect((await runVanda(['jobs', 'list'], as)).code).toBe(0);
  const listed = await ask<{ data: { id: string }[] }>('keys', 'list');
  expect(listed.data.map(({ id }) => id)).toContain(key.id);
  expect(await ask('keys', 'revoke', key.id)).toMatchObject({ id: key.id });
  const refused = await runVanda(['jobs', 'list', '--json'], as);
  expect([refused.code, jsonFrom(refused).code]).toEqual([1, 'unauthenticated']);
});

test('jobs: try one while it trains, cancel and delete it; datasets in use are kept, free ones go', async () => {
  const slow =
    'name: slow\ntask: tabular-classification\ndataset: penguins\ntarget: Species\n' +
    'training: { epochs: 10000, earlyStopping: null }\n';
  const submitted = jsonFrom<{ id: string }>(await vanda(['jobs', 'submit', '-', '--json'], slow));
  expect(submitted).toEqual({ id: expect.any(String), state: expect.any(String) });
  expect((await refusal('datasets', 'delete', 'penguins')).code).toBe('in-use');
  const shown = () => ask<{ preview: { epoch: number } | null }>('jobs', 'show', submitted.id);
  await expect.poll(async () => (await shown()).preview, { timeout: 60_000 }).not.toBeNull();
  const instance = JSON.stringify(row);
  expect(await ask('jobs', 'predict', submitted.id, instance)).toMatchObject({
    predictions: [{ label: expect.any(String), scores: expect.any(Object) }],
  });
  const human = await vanda(['jobs', 'show', submitted.id]);
  expect(human.stdout).toMatch(/preview +epoch \d+, loss .*accuracy .*vanda jobs predict/);
  await ask('jobs', 'cancel', submitted.id);
  await expect
    .poll(async () => (await ask('jobs', 'show', submitted.id)).state, { timeout: 30_000 })
    .toBe('cancelled');
  const over = await refusal('jobs', 'predict', submitted.id, instance);
  expect(over.detail).toMatch(/is cancelled and made no model/);
  expect(await ask('jobs', 'delete', submitted.id)).toMatchObject({ object: 'deleted' });
});
