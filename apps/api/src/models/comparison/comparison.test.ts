import {
  encodeTestItemsHead,
  identityEnd,
  type TestItemsHead,
  type VersionComparison,
} from '@vanda/contracts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiUnderTest, startApi } from '../../api-under-test.fixture.ts';
import { makeDatasetVersion, makeModelVersion } from '../../rows.fixture.ts';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

interface Item {
  identity: number;
  row: number;
  truth: number;
  said: number;
  score?: number;
}

/** A file as a training writes it: rows whose answers were wrong are shown. */
function fileOf(items: Item[], head: Partial<TestItemsHead> = {}): Uint8Array {
  const wrong = items.filter(({ truth, said }) => truth !== said).map(({ row }) => row);
  const start = encodeTestItemsHead({
    format: 'vanda-test-items-1',
    items: items.length,
    identityLimit: identityEnd,
    labels: ['a', 'b', 'c'],
    examples: {
      rows: wrong,
      preview: {
        kind: 'table',
        columns: ['x', 'y'],
        rows: wrong.map((row) => [row, `row ${row}`]),
      },
    },
    ...head,
  });
  const sorted = items.toSorted((a, b) => a.identity - b.identity || a.row - b.row);
  const records = sorted.flatMap(({ identity, row, truth, said, score = 0.5 }) => [
    identity,
    row,
    truth,
    said,
    score,
  ]);
  return Buffer.concat([start, Buffer.from(new Float64Array(records).buffer)]);
}

const compare = (path: string) => api.call<VersionComparison>('GET', `/models/${path}`);

it('counts who was right on the rows of both test splits and lists the surest mistakes first', async () => {
  await makeDatasetVersion(api, 'flowers');
  const item = (row: number, truth: number, said: number, score: number): Item => ({
    identity: 1000 - row,
    row,
    truth,
    said,
    score,
  });
  const first = fileOf([
    item(1, 0, 0, 0.9),
    item(2, 0, 1, 0.6),
    item(3, 1, 1, 0.9),
    item(4, 1, 0, 0.7),
    item(5, 2, 0, 0.8),
    item(6, 2, 1, 0.99),
    item(7, 0, 0, 1),
  ]);
  const second = fileOf([
    item(1, 0, 0, 0.8),
    item(2, 0, 0, 0.6),
    item(3, 1, 2, 0.95),
    item(4, 1, 2, 0.5),
    item(5, 2, 0, 0.4),
    item(6, 2, 2, 0.9),
    item(8, 0, 0, 1),
  ]);
  await makeModelVersion(api, 'flowers', 'flowers', first);
  await makeModelVersion(api, 'flowers', 'flowers', second);
  const { status, body } = await compare('flowers/versions/1/compare/2');
  expect(status).toBe(200);
  expect(body).toMatchObject({
    first: 1,
    second: 2,
    shared: 6,
    matchedBy: 'row',
    note: null,
    columns: ['x', 'y'],
    counts: {
      bothRight: 1,
      onlyFirst: 1,
      onlySecond: 2,
      bothWrong: 2,
      bothWrongDifferently: 1,
    },
  });
  expect(body.data).toMatchObject([
    { row: 6, truth: 'c', first: { said: 'b', score: 0.99 }, second: { said: 'c' } },
    { row: 3, truth: 'b', first: { said: 'b' }, second: { said: 'c', score: 0.95 } },
    { row: 4, truth: 'b', first: { said: 'a' }, second: { said: 'c' } },
    { row: 2, truth: 'a', first: { said: 'b' }, second: { said: 'a' } },
  ]);
  // Row 6 was only wrong in the first version, so only its file shows it.
  expect(body.data[0]?.cells).toEqual([6, 'row 6']);
  for (const [show, rows] of [
    ['first', [3]],
    ['second', [6, 2]],
    ['neither', [4]],
  ] as const) {
    const one = await compare(`flowers/versions/1/compare/2?show=${show}`);
    expect(one.body.data.map(({ row }) => row)).toEqual(rows);
  }
  const page = await compare('flowers/versions/1/compare/2?limit=3');
  expect(page.body).toMatchObject({ has_more: true, last_id: '4' });
  const rest = await compare('flowers/versions/1/compare/2?limit=3&after=4');
  expect(rest.body).toMatchObject({ has_more: false, data: [{ row: 2 }] });
  const astray = await compare('flowers/versions/1/compare/2?after=77');
  expect(astray.body).toMatchObject({ code: 'invalid-request' });
});

it('tells items of other dataset versions by what they hold, and measures both by the newer labels', async () => {
  await makeDatasetVersion(api, 'moved');
  const first = [
    { identity: 7, row: 0, truth: 0, said: 0 },
    { identity: 7, row: 5, truth: 1, said: 0 },
    { identity: 9, row: 6, truth: 0, said: 1 },
  ];
  await makeModelVersion(api, 'moved', 'moved', fileOf(first));
  await makeDatasetVersion(api, 'moved');
  const second = [
    { identity: 7, row: 40, truth: 1, said: 1 },
    { identity: 8, row: 41, truth: 0, said: 0 },
  ];
  // The labels of another version lie in another order.
  const labels = ['a', 'c', 'b'];
  await makeModelVersion(api, 'moved', 'moved', fileOf(second, { labels }));
  const { body } = await compare('moved/versions/1/compare/2');
  expect(body).toMatchObject({ matchedBy: 'content', shared: 1, counts: { onlySecond: 1 } });
  expect(body.data).toMatchObject([
    { row: 40, truth: 'c', first: { said: 'a' }, second: { said: 'c' } },
  ]);
});

it('says who was closer where numbers are predicted', async () => {
  await makeDatasetVersion(api, 'miles');
  const head = { labels: null };
  const at = (row: number, truth: number, said: number) => ({ identity: row, row, truth, said });
  const first = fileOf([at(1, 10, 11), at(2, 20, 30), at(3, 5, 5)], head);
  const second = fileOf([at(1, 10, 14), at(2, 20, 21), at(3, 5, 5)], head);
  await makeModelVersion(api, 'miles', 'miles', first);
  await makeModelVersion(api, 'miles', 'miles', second);
  const { body } = await compare('miles/versions/1/compare/2');
  expect(body.counts).toEqual({ kind: 'numbers', firstCloser: 1, secondCloser: 1, alike: 1 });
  expect(body.data).toMatchObject([
    { row: 2, truth: 20, first: { said: 30 }, second: { said: 21 } },
    { row: 1, truth: 10, first: { said: 11 }, second: { said: 14 } },
  ]);
});

it('compares a sample of what both kept where test splits are very large', async () => {
  await makeDatasetVersion(api, 'large');
  const items = Array.from({ length: 50_000 }, (_, row) => ({
    identity: row * 10,
    row,
    truth: row % 3,
    said: row % 5 === 0 ? 0 : row % 3,
  }));
  const limit = 250_000;
  const kept = items.filter(({ identity }) => identity < limit);
  await makeModelVersion(api, 'large', 'large', fileOf(kept, { identityLimit: limit }));
  const second = items.map((item) => ({ ...item, said: item.truth }));
  await makeModelVersion(api, 'large', 'large', fileOf(second));
  const { body } = await compare('large/versions/1/compare/2?limit=1000');
  expect(body).toMatchObject({
    shared: 25_000,
    note: expect.stringContaining('a sample of 25,000'),
  });
  const wrong = kept.filter(({ truth, said }) => truth !== said).length;
  expect(body.counts).toMatchObject({ onlySecond: wrong, bothRight: 25_000 - wrong });
  expect(body.data).toHaveLength(1000);
});

it('says why nothing can be compared', async () => {
  await makeDatasetVersion(api, 'apart');
  await makeModelVersion(
    api,
    'apart',
    'apart',
    fileOf([{ identity: 1, row: 1, truth: 0, said: 0 }]),
  );
  await makeModelVersion(
    api,
    'apart',
    'apart',
    fileOf([{ identity: 2, row: 2, truth: 0, said: 0 }]),
  );
  await makeModelVersion(api, 'apart', 'apart');
  const other = await compare('apart/versions/1/compare/2');
  expect(other.body).toMatchObject({ shared: 0, counts: null, data: [] });
  expect(other.body.note).toBe(
    'Of apart@1 the test splits of version 1 and version 2 have no item in common: they were drawn with other seeds.',
  );
  const none = await compare('apart/versions/1/compare/3');
  expect(none.body.note).toMatch(/^Version 3 has no predictions of a test split/);
  expect((await compare('apart/versions/1/compare/9')).status).toBe(404);
});

it('frees the predictions with their version, and says where they are until then', async () => {
  await makeDatasetVersion(api, 'freed');
  const file = fileOf([{ identity: 1, row: 1, truth: 0, said: 1 }]);
  const { jobId } = await makeModelVersion(api, 'freed', 'freed', file);
  const job = await api.call<{ predictions: string }>('GET', `/jobs/${jobId}`);
  expect((await fetch(job.body.predictions)).status).toBe(200);
  const version = await api.call<{ predictions: string }>('GET', '/models/freed/versions/1');
  const answer = await fetch(version.body.predictions);
  expect(answer.headers.get('content-disposition')).toContain('freed-1-predictions.parquet');
  const deleted = await api.call<{ freedBytes: number }>('DELETE', '/models/freed/versions/1');
  // The archive and the predictions of the fixture are 100 bytes each.
  expect(deleted.body.freedBytes).toBe(200 + file.length);
  expect((await fetch(version.body.predictions)).status).toBe(404);
  expect((await api.call('GET', `/jobs/${jobId}`)).body.predictions).toBeNull();
});
