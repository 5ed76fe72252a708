import type { Deleted, ModelVersionView, ModelView } from '@vanda/contracts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiUnderTest, startApi } from '../api-under-test.fixture.ts';
import { makeDatasetVersion, makeModelVersion, tableSpec } from '../rows.fixture.ts';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startApi({ limits: { deployWaitMs: 0 } });
  await makeDatasetVersion(api, 'flowers');
  for (let version = 0; version < 3; version++) await makeModelVersion(api, 'flowers');
  await makeModelVersion(api, 'flowers', 'other');
});
afterAll(() => api.close());

it('shows models and versions with their lineage', async () => {
  const list = await api.call<{ data: ModelView[]; last_id: string }>('GET', '/models?limit=1');
  expect(list.body).toMatchObject({ has_more: true, data: [{ name: 'other' }] });
  const next = await api.call<{ data: ModelView[] }>('GET', `/models?after=${list.body.last_id}`);
  expect(next.body.data).toMatchObject([{ name: 'flowers', versions: 3, latestVersion: 3 }]);
  const versions = await api.call<{ data: ModelVersionView[] }>('GET', '/models/flowers/versions');
  expect(versions.body.data.map((row) => row.version)).toEqual([3, 2, 1]);
  const one = await api.call<ModelVersionView>('GET', '/models/flowers/versions/2');
  expect(one.body).toMatchObject({
    model: 'flowers',
    task: 'tabular-classification',
    dataset: { name: 'flowers', version: 1 },
    engineVersion: '0.1.0',
    metrics: { test: { accuracy: 0.9 } },
    endpoints: [],
  });
});

it('sends to the archive', async () => {
  const answer = await api.call('GET', '/models/flowers/versions/1/download');
  expect(answer.status).toBe(302);
  const archive = await fetch(answer.headers.get('location') ?? '');
  expect(archive.status).toBe(200);
  expect(archive.headers.get('content-disposition')).toContain('flowers-1.vanda');
  expect((await archive.arrayBuffer()).byteLength).toBe(100);
});

it('deletes what no endpoint serves, and names the one that does', async () => {
  await api.call('POST', '/endpoints', { name: 'live', model: 'flowers@2' });
  expect((await api.call('GET', '/models/flowers/versions/2')).body.endpoints).toEqual(['live']);
  const served = await api.call('DELETE', '/models/flowers/versions/2');
  expect(served.status).toBe(409);
  expect(served.body).toMatchObject({ code: 'in-use', detail: expect.stringContaining('live') });
  const whole = await api.call('DELETE', '/models/flowers');
  expect(whole.body).toMatchObject({ code: 'in-use', detail: expect.stringContaining('live') });
  const free = await api.call<Deleted>('DELETE', '/models/flowers/versions/3');
  expect(free.body).toMatchObject({ object: 'deleted', freedBytes: 100 });
  expect((await api.call('GET', '/models/flowers/versions/3')).status).toBe(404);
  expect((await api.call<ModelView>('GET', '/models/flowers')).body.latestVersion).toBe(2);
  await api.call('DELETE', '/endpoints/live');
  const job = await api.call<{ id: string }>('POST', '/jobs', { spec: tableSpec('flowers') });
  const busy = await api.call('DELETE', '/models/flowers');
  expect(busy.body).toMatchObject({ code: 'in-use', detail: expect.stringContaining(job.body.id) });
  await api.call('POST', `/jobs/${job.body.id}/cancel`);
  const gone = await api.call<Deleted>('DELETE', '/models/flowers');
  expect(gone.body.freedBytes).toBe(200);
  expect((await api.call('GET', '/models/flowers')).status).toBe(404);
});

it('shows nothing of another project', async () => {
  const headers = { authorization: `Bearer ${api.strangerKey}` };
  for (const path of ['', '/versions', '/versions/1', '/versions/1/download']) {
    const answer = await api.call('GET', `/models/other${path}`, undefined, headers);
    expect(answer.status, path).toBe(404);
  }
  for (const path of ['', '/versions/1']) {
    expect((await api.call('DELETE', `/models/other${path}`, undefined, headers)).status).toBe(404);
  }
});
