import type { Dataset, DatasetVersion, Deleted, Ingest, Upload } from '@vanda/contracts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiUnderTest, startApi } from '../api-under-test.fixture.ts';
import { makeDatasetVersion, putObject, tableSpec } from '../rows.fixture.ts';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

async function completedUpload(): Promise<string> {
  const { body } = await api.call<Upload>('POST', '/uploads', { filename: 'a.csv', size: 4 });
  await fetch(body.parts[0]?.url ?? '', { method: 'PUT', body: 'a\n1\n' });
  await api.call('POST', `/uploads/${body.uploadId}/complete`, {});
  return body.uploadId;
}
const push = (name: string, uploads: string[], more: object = {}) =>
  api.call<Ingest>('POST', `/datasets/${name}/ingests`, { uploads, ...more });

it('turns uploads into a push that waits, rung at once', async () => {
  const upload = await completedUpload();
  const pushed = await push('penguins', [upload], { options: { columns: { id: 'text' } } });
  expect(pushed.status).toBe(202);
  expect(pushed.body).toMatchObject({ dataset: 'penguins', state: 'queued', version: null });
  const { db } = api.deps;
  const subjectId = pushed.body.id;
  await expect
    .poll(async () => (await db.outbox.findFirst({ where: { subjectId } }))?.sentAt ?? null)
    .not.toBeNull();
  expect(await db.history.count({ where: { subjectId } })).toBe(1);
  const dataset = await api.call<Dataset>('GET', '/datasets/penguins');
  expect(dataset.body).toMatchObject({ kind: null, latestVersion: 0, ingesting: true });
  const one = await api.call<Ingest>('GET', `/ingests/${pushed.body.id}`);
  expect(one.body).toEqual(pushed.body);
  const list = await api.call<{ data: Ingest[] }>('GET', '/datasets/penguins/ingests');
  expect(list.body.data).toEqual([pushed.body]);
  const held = await api.call('DELETE', `/uploads/${upload}`);
  expect(held.body).toMatchObject({ code: 'in-use', detail: expect.stringContaining('penguins') });
  const whole = await api.call('DELETE', '/datasets/penguins');
  expect(whole.body).toMatchObject({ code: 'in-use', detail: expect.stringContaining(subjectId) });
});

it('takes a push while Redis is away: the outbox keeps it', async () => {
  const upload = await completedUpload();
  api.redis.process.signal('SIGSTOP');
  try {
    const pushed = await push('no-redis', [upload]);
    expect(pushed.status).toBe(202);
    const row = await api.deps.db.outbox.findFirst({ where: { subjectId: pushed.body.id } });
    expect(row?.sentAt).toBeNull();
  } finally {
    api.redis.process.signal('SIGCONT');
  }
});

it('names what is wrong with a push', async () => {
  const upload = await completedUpload();
  const open = await api.call<Upload>('POST', '/uploads', { filename: 'b', size: 1 });
  const cases: [string, string[], object, number, string][] = [
    ['Bad Name', [upload], {}, 400, '/name'],
    ['ok', [], {}, 400, '/uploads'],
    ['ok', ['upl_missing'], {}, 404, '/uploads/0'],
    ['ok', [upload, open.body.uploadId], {}, 422, '/uploads/1'],
    ['ok', [upload], { options: { kind: 'film' } }, 400, '/options/kind'],
    ['ok', [upload], { options: { columns: { a: 'money' } } }, 400, '/options/columns/a'],
  ];
  for (const [name, uploads, more, status, pointer] of cases) {
    const answer = await push(encodeURIComponent(name), uploads, more);
    expect(answer.status, pointer).toBe(status);
    expect(answer.body.errors?.[0]?.pointer).toBe(pointer);
  }
  expect((await push('ok', [upload, upload])).status).toBe(400);
  expect((await api.call('GET', '/datasets/ok')).status).toBe(404);
  await makeDatasetVersion(api, 'pictures', 'images');
  const other = await push('pictures', [upload], { options: { kind: 'table' } });
  expect(other.body).toMatchObject({ code: 'conflict' });
});

it('shows versions with statistics, preview, rejected items and who uses them', async () => {
  await makeDatasetVersion(api, 'flowers');
  const { versionId } = await makeDatasetVersion(api, 'flowers');
  await api.deps.db.datasetVersion.update({ where: { id: versionId }, data: { rejected: 2 } });
  const owner = { kind: 'dataset-version' as const, id: versionId };
  await putObject(api, owner, 'rejected', 'datasets/x/rejected', Buffer.from('{}\n'));
  const job = await api.call<{ id: string }>('POST', '/jobs', { spec: tableSpec('flowers@2') });
  const version = await api.call<DatasetVersion>('GET', '/datasets/flowers/versions/2');
  expect(version.body).toMatchObject({
    dataset: 'flowers',
    version: 2,
    kind: 'table',
    rejected: 2,
    profile: { kind: 'table', columns: expect.any(Array) },
    usedBy: [{ jobId: job.body.id, model: 'flowers', state: 'queued' }],
  });
  expect(await (await fetch(version.body.rejectedUrl ?? '')).text()).toBe('{}\n');
  const preview = await api.call('GET', '/datasets/flowers/versions/2/preview');
  expect(preview.body).toMatchObject({ kind: 'table', rows: [[1, 'a']] });
  const versions = await api.call<{ data: DatasetVersion[] }>(
    'GET',
    '/datasets/flowers/versions?limit=1',
  );
  expect(versions.body).toMatchObject({ has_more: true, data: [{ version: 2 }] });
  const list = await api.call<{ data: Dataset[] }>('GET', '/datasets');
  expect(list.body.data[0]?.name).toBeDefined();
});

it('deletes what nothing uses, and says how many bytes that freed', async () => {
  const refused = await api.call('DELETE', '/datasets/flowers/versions/2');
  expect(refused.status).toBe(409);
  expect(refused.body).toMatchObject({
    code: 'in-use',
    detail: expect.stringContaining('flowers@2'),
  });
  const first = await api.call<Deleted>('DELETE', '/datasets/flowers/versions/1');
  expect(first.body.freedBytes).toBeGreaterThan(0);
  expect((await api.call('GET', '/datasets/flowers/versions/1')).status).toBe(404);
  const jobs = await api.call<{ data: { id: string }[] }>('GET', '/jobs');
  for (const { id } of jobs.body.data) await api.call('POST', `/jobs/${id}/cancel`);
  const whole = await api.call<Deleted>('DELETE', '/datasets/flowers');
  expect(whole.status).toBe(200);
  expect(whole.body.freedBytes).toBeGreaterThan(0);
  expect((await api.call('GET', '/datasets/flowers')).status).toBe(404);
  expect((await api.call('DELETE', '/datasets/flowers')).status).toBe(404);
  const left = await api.deps.db.storedObject.findMany({ select: { key: true } });
  const kept: string[] = [];
  for await (const head of api.deps.objects.list('datasets/')) kept.push(head.key);
  expect(kept.sort()).toEqual(left.map((row) => row.key).sort());
  // The name can be used again, and its numbers go on.
  const again = await push('flowers', [await completedUpload()]);
  expect(again.status).toBe(202);
});

it('shows nothing of another project', async () => {
  const { body } = await api.call<{ data: Ingest[] }>('GET', '/datasets/penguins/ingests');
  const headers = { authorization: `Bearer ${api.strangerKey}` };
  const paths = [
    '/datasets/pictures',
    '/datasets/pictures/versions',
    '/datasets/pictures/versions/1',
    '/datasets/pictures/versions/1/preview',
    '/datasets/penguins/ingests',
    `/ingests/${body.data[0]?.id}`,
  ];
  for (const path of paths) {
    expect((await api.call('GET', path, undefined, headers)).status, path).toBe(404);
  }
  for (const path of ['/datasets/pictures', '/datasets/pictures/versions/1']) {
    expect((await api.call('DELETE', path, undefined, headers)).status, path).toBe(404);
  }
  const uploads = [await completedUpload()];
  const stolen = await api.call('POST', '/datasets/mine/ingests', { uploads }, headers);
  expect(stolen.status).toBe(404);
  const list = await api.call<{ data: unknown[] }>('GET', '/datasets', undefined, headers);
  expect(list.body.data).toEqual([]);
});
