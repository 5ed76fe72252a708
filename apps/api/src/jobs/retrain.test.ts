import type { JobView, ModelLayersView, ModelVersionView } from '@vanda/contracts';
import { keyLayout } from '@vanda/objects';
import type { Prisma } from '@vanda/records';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiUnderTest, startApi } from '../api-under-test.fixture.ts';
import { makeAttempt, makeDatasetVersion, makeModelVersion, putObject } from '../rows.fixture.ts';

let api: ApiUnderTest;
const layers = ['conv2d_1', 'conv2d_2', 'flatten_1', 'dense_1', 'logits'];

/** A version whose graph says what pictures it takes and where it may be cut. */
async function makeBase(name: string, places: string[], input: object, features?: string) {
  const { versionId, version } = await makeModelVersion(api, 'flowers', name);
  const outputs = Object.fromEntries(places.map((place, at) => [place, at]));
  const signatures = places.length > 0 ? { layers: { inputs: { image: 9 }, outputs } } : {};
  const model = { format: 'vanda-model/1', signatures, extra: { features, signature: { input } } };
  const owner = { kind: 'model-version' as const, id: versionId };
  const graph = keyLayout.modelFile(versionId, 'model.json');
  await putObject(api, owner, 'graph', graph, Buffer.from(JSON.stringify(model)));
  await putObject(api, owner, 'weights', keyLayout.modelFile(versionId, 'weights.safetensors'));
  return { versionId, version };
}

const pictures = { kind: 'picture', size: 24, channels: 3 };
beforeAll(async () => {
  api = await startApi();
  await makeDatasetVersion(api, 'flowers');
  await makeDatasetVersion(api, 'pictures', 'images');
  await makeBase('blossoms', layers, pictures, 'dense_1');
  await makeBase('blossoms', layers, pictures, 'flatten_1');
  await makeBase('unnamed', [], pictures);
  await makeBase('unsaid', layers, pictures);
  await makeBase('rows', layers, { kind: 'row', fields: [] });
});
afterAll(() => api.close());

const specOf = (model: object, rest: object = {}) => ({
  name: 'petals',
  task: 'image-classification',
  dataset: 'pictures',
  model: { kind: 'retrain', ...model },
  ...rest,
});
const plan = (model: object, rest?: object) =>
  api.call<{ spec: JobView['spec'] }>('POST', '/jobs/plan', { spec: specOf(model, rest) });

it('completes a retraining by what its base says, and names the exact version', async () => {
  const newest = await plan({ base: 'blossoms' });
  expect(newest.body.spec).toMatchObject({
    model: {
      kind: 'retrain',
      base: 'blossoms@2',
      layer: 'flatten_1',
      unfreeze: 'none',
      hidden: [],
      dropout: 0,
      input: { size: 24, channels: 3 },
    },
    training: { epochs: 60, optimizer: { kind: 'adam', learningRate: 0.003 } },
  });
  const chosen = { base: 'blossoms@1', layer: 'conv2d_2', unfreeze: 'all', input: { size: 40 } };
  const moving = await plan({ ...chosen, hidden: [32] });
  expect(moving.body.spec).toMatchObject({
    model: { ...chosen, hidden: [32], input: { size: 40, channels: 3 } },
    training: { epochs: 20, batchSize: 32, optimizer: { kind: 'adam', learningRate: 0.0001 } },
  });
});

it('says which base a job and its spec were submitted with', async () => {
  const spec = specOf({ base: 'blossoms' });
  const job = await api.call<JobView>('POST', '/jobs', { spec });
  expect(job.status).toBe(201);
  expect(job.body).toMatchObject({ base: 'blossoms@2', submittedSpec: spec });
  // What it makes says it too, since a version has the spec of its job.
  const made = await makeModelVersion(api, 'flowers', 'petunias');
  const stored = job.body.spec as Prisma.InputJsonObject;
  await api.deps.db.modelVersion.update({ where: { id: made.versionId }, data: { spec: stored } });
  const version = await api.call<ModelVersionView>('GET', '/models/petunias/versions/1');
  expect(version.body.base).toBe('blossoms@2');
  const other = await api.call<ModelVersionView>('GET', '/models/blossoms/versions/1');
  expect(other.body.base).toBeNull();
});

it('says what it does while the base looks at the pictures', async () => {
  const { body } = await api.call<JobView>('POST', '/jobs', { spec: specOf({ base: 'blossoms' }) });
  await makeAttempt(api.deps.db, body.id, 1);
  const progress = { percent: 30, phase: 'features', etaSeconds: 41 };
  await api.deps.db.job.update({ where: { id: body.id }, data: { progress } });
  const { sentence } = (await api.call<JobView>('GET', `/jobs/${body.id}`)).body;
  expect(sentence).toBe('Finding what the base says about each picture, about 41 s left');
});

it('lists the layers of a version', async () => {
  const url = (name: string) => `/models/${name}/versions/1/layers`;
  const told = await api.call<ModelLayersView>('GET', url('blossoms'));
  expect(told.body).toEqual({
    object: 'layers',
    model: 'blossoms',
    version: 1,
    input: { size: 24, channels: 3 },
    layers,
    features: 'dense_1',
  });
  const rows = await api.call<ModelLayersView>('GET', url('rows'));
  expect(rows.body).toMatchObject({ input: null, features: null });
  expect((await api.call('GET', url('nobody'))).status).toBe(404);
});

it.each([
  [{ base: 'roses' }, '/model/base', /There is no model roses/],
  [{ base: 'blossoms@7' }, '/model/base', /There is no model blossoms@7/],
  [{ base: 'rows' }, '/model/base', /rows@1 is not a model of pictures/],
  [{ base: 'unnamed' }, '/model/base', /unnamed@1 does not name its layers/],
  [{ base: 'unsaid' }, '/model/layer', /its features are. Its last layers are .*"logits"/],
  [{ base: 'unsaid', layer: 'conv2d' }, '/model/layer', /near are "conv2d_1", "conv2d_2"/],
  [{ base: 'blossoms', unfreeze: 'flaten' }, '/model/unfreeze', /near are "flatten_1"/],
  [{ base: 'blossoms', unfreeze: 'logits' }, '/model/unfreeze', /comes after "flatten_1"/],
  [{ base: 'blossoms', hidden: [0] }, '/model/hidden/0', /at least 1/],
  [{ base: 'blossoms', channels: 3 }, '/model/channels', /no field/],
])('refuses %o at submission, with a sentence', async (model, pointer, message) => {
  const { status, body } = await api.call<{
    code: string;
    errors: { pointer: string; message: string }[];
  }>('POST', '/jobs', { spec: specOf(model) });
  expect(status).toBe(400);
  expect(body.code).toBe('invalid-spec');
  expect(body.errors[0]?.pointer).toContain(pointer);
  expect(body.errors[0]?.message).toMatch(message);
});

it('is for pictures only', async () => {
  const { body } = await plan(
    { base: 'blossoms' },
    { task: 'tabular-classification', dataset: 'flowers', target: 'y' },
  );
  expect(JSON.stringify(body)).toContain('retrain is for pictures only');
});
