import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiUnderTest, startApi } from '../api-under-test.fixture.ts';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const upload = { filename: 'a.csv', size: 10 };
const withKey = (key: string) => ({ 'idempotency-key': key });

it('answers the same create again, quoted or bare, and only once makes it', async () => {
  const first = await api.call<{ uploadId: string }>('POST', '/uploads', upload, withKey('k-1'));
  const again = await api.call(
    'POST',
    '/uploads',
    { size: 10, filename: 'a.csv' },
    withKey('"k-1"'),
  );
  expect(first.status).toBe(201);
  expect(again.status).toBe(201);
  expect(again.body).toEqual(first.body);
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  expect(await api.deps.db.upload.count()).toBe(1);
});

it('refuses the key for another request', async () => {
  const other = await api.call('POST', '/uploads', { ...upload, size: 11 }, withKey('k-1'));
  expect(other.status).toBe(422);
  expect(other.body).toMatchObject({ code: 'idempotency-mismatch' });
  const elsewhere = await api.call('POST', '/keys', { name: 'x' }, withKey('k-1'));
  expect(elsewhere.status).toBe(422);
  for (const key of ['', 'x'.repeat(256), 'k\té']) {
    const odd = await api.call(
      'POST',
      '/keys',
      { name: 'x' },
      withKey(encodeURI(key).slice(0, 300)),
    );
    expect([201, 400]).toContain(odd.status);
  }
});

it('is scoped by project', async () => {
  const headers = { ...withKey('k-1'), authorization: `Bearer ${api.strangerKey}` };
  const theirs = await api.call('POST', '/uploads', upload, headers);
  expect(theirs.status).toBe(201);
  expect(theirs.headers.get('idempotency-replayed')).toBeNull();
});

it('makes one of many at once', async () => {
  const before = await api.deps.db.apiKey.count();
  const answers = await Promise.all(
    Array.from({ length: 12 }, () =>
      api.call<{ key: string }>('POST', '/keys', { name: 'race' }, withKey('k-2')),
    ),
  );
  const statuses = answers.map((answer) => answer.status);
  expect(statuses.filter((status) => status !== 201 && status !== 409)).toEqual([]);
  const made = new Set(
    answers.filter((answer) => answer.status === 201).map((one) => one.body.key),
  );
  expect(made.size).toBe(1);
  for (const answer of answers.filter((one) => one.status === 409)) {
    expect(answer.body).toMatchObject({ code: 'request-running' });
  }
  expect(await api.deps.db.apiKey.count()).toBe(before + 1);
});

it('keeps no key in the clear', async () => {
  const made = await api.call<{ key: string }>('POST', '/keys', { name: 'secret' }, withKey('k-3'));
  const again = await api.call<{ key: string }>(
    'POST',
    '/keys',
    { name: 'secret' },
    withKey('k-3'),
  );
  expect(again.body.key).toBe(made.body.key);
  const rows = await api.deps.db.idempotencyRecord.findMany();
  expect(JSON.stringify(rows.map((row) => row.reply))).not.toContain(made.body.key);
});

it('stores nothing for a create that was refused', async () => {
  const wrong = await api.call(
    'POST',
    '/datasets/x/ingests',
    { uploads: ['upl_no'] },
    withKey('k-4'),
  );
  expect(wrong.status).toBe(404);
  expect(await api.deps.db.idempotencyRecord.count({ where: { key: 'k-4' } })).toBe(0);
  expect(await api.deps.db.dataset.count()).toBe(0);
});
