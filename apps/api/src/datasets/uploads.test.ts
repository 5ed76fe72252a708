import { createHash, randomBytes } from 'node:crypto';
import type { Upload } from '@vanda/contracts';
import { keyLayout } from '@vanda/objects';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiUnderTest, startApi } from '../api-under-test.fixture.ts';

let api: ApiUnderTest;
const partBytes = 5 * 2 ** 20;
beforeAll(async () => {
  api = await startApi({ limits: { uploadPartBytes: partBytes } });
});
afterAll(() => api.close());

const begin = async (size: number, more: object = {}) =>
  (await api.call<Upload>('POST', '/uploads', { filename: 'data.csv', size, ...more })).body;
const put = (url: string, body: Buffer) =>
  fetch(url, { method: 'PUT', body: new Uint8Array(body) });

it('takes a file in parts and goes on where it stopped', async () => {
  const bytes = randomBytes(partBytes * 2 + 1000);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const upload = await begin(bytes.length, { sha256 });
  expect(upload).toMatchObject({ state: 'open', partSize: partBytes, size: bytes.length });
  expect(upload.parts.map((part) => part.number)).toEqual([1, 2, 3]);

  const first = await put(upload.parts[0]?.url ?? '', bytes.subarray(0, partBytes));
  expect(first.status).toBe(200);
  const half = await api.call<Upload>('GET', `/uploads/${upload.uploadId}`);
  expect(half.body.received).toEqual([
    { number: 1, size: partBytes, etag: first.headers.get('etag') },
  ]);
  expect(half.body.parts.map((part) => part.number)).toEqual([2, 3]);

  const early = await api.call('POST', `/uploads/${upload.uploadId}/complete`, {});
  expect(early.status).toBe(422);
  expect(early.body).toMatchObject({ code: 'upload-incomplete' });

  const more = await api.call<Upload>('POST', `/uploads/${upload.uploadId}/sign`, {
    parts: [2, 3],
  });
  for (const part of more.body.parts) {
    const begin = (part.number - 1) * partBytes;
    expect((await put(part.url, bytes.subarray(begin, begin + partBytes))).status).toBe(200);
  }
  const complete = () =>
    api.call<Upload>('POST', `/uploads/${upload.uploadId}/complete`, { sha256 });
  const [once, twice] = await Promise.all([complete(), complete()]);
  for (const answer of [once, twice, await complete()]) {
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ state: 'completed', parts: [] });
  }
  const head = await api.deps.objects.head(keyLayout.upload(upload.uploadId));
  expect(head?.size).toBe(bytes.length);
  const moves = await api.deps.db.history.findMany({ where: { subjectId: upload.uploadId } });
  expect(moves.map((row) => row.toState)).toEqual(['open', 'completed']);
});

it('finishes a completion whose process died between the store and the row', async () => {
  const upload = await begin(10);
  const etag = (await put(upload.parts[0]?.url ?? '', Buffer.alloc(10))).headers.get('etag') ?? '';
  const row = await api.deps.db.upload.findUniqueOrThrow({ where: { id: upload.uploadId } });
  await api.deps.objects.completeMultipart(row.objectKey, row.storeUploadId, [{ number: 1, etag }]);
  const answer = await api.call<Upload>('POST', `/uploads/${upload.uploadId}/complete`, {
    parts: [{ number: 1, etag }],
  });
  expect(answer.body).toMatchObject({ state: 'completed' });
});

it('takes an empty file and any name for it', async () => {
  for (const filename of ['../../etc/passwd', '😀.csv', 'x'.repeat(4096), 'a\\b', '..']) {
    const upload = await begin(0, { filename });
    expect((await put(upload.parts[0]?.url ?? '', Buffer.alloc(0))).status).toBe(200);
    const done = await api.call('POST', `/uploads/${upload.uploadId}/complete`, {});
    expect(done.body).toMatchObject({ state: 'completed', filename, size: 0 });
  }
  expect((await api.call('POST', '/uploads', { filename: 'x'.repeat(4097), size: 1 })).status).toBe(
    400,
  );
});

it('refuses bytes and wishes that do not fit', async () => {
  for (const size of [-1, 1.5, 6 * 2 ** 40, '10', null]) {
    const answer = await api.call('POST', '/uploads', { filename: 'a', size });
    expect(answer.status, String(size)).toBe(400);
    expect(answer.body.errors?.[0]?.pointer).toBe('/size');
  }
  const upload = await begin(100);
  const url = upload.parts[0]?.url ?? '';
  expect((await put(url, Buffer.alloc(99))).status).toBe(400);
  expect((await put(url.replace(/sig[a-z]*=[^&]{4}/i, 'sig=0000'), Buffer.alloc(100))).status).toBe(
    403,
  );
  expect((await put(url, Buffer.alloc(100))).status).toBe(200);
  const beyond = await api.call('POST', `/uploads/${upload.uploadId}/sign`, { parts: [2] });
  expect(beyond.status).toBe(400);
  const etag = await api.call('POST', `/uploads/${upload.uploadId}/complete`, {
    parts: [{ number: 1, etag: '"0"' }],
  });
  expect(etag.status).toBe(422);
  const hash = await begin(1, { sha256: 'a'.repeat(64) });
  const other = { sha256: 'b'.repeat(64) };
  expect((await api.call('POST', `/uploads/${hash.uploadId}/complete`, other)).status).toBe(422);
});

it('gives an upload up, and nothing of another project', async () => {
  const upload = await begin(100);
  await put(upload.parts[0]?.url ?? '', Buffer.alloc(100));
  const authorization = `Bearer ${api.strangerKey}`;
  for (const [method, end, body] of [
    ['GET', '', undefined],
    ['POST', '/sign', { parts: [1] }],
    ['POST', '/complete', {}],
    ['DELETE', '', undefined],
  ] as const) {
    const answer = await api.call(method, `/uploads/${upload.uploadId}${end}`, body, {
      authorization,
    });
    expect(answer.status, method + end).toBe(404);
  }
  const gone = await api.call('DELETE', `/uploads/${upload.uploadId}`);
  expect(gone.body).toEqual({ object: 'deleted', id: upload.uploadId, freedBytes: 100 });
  expect((await api.call('DELETE', `/uploads/${upload.uploadId}`)).body.freedBytes).toBe(0);
  const late = await api.call('POST', `/uploads/${upload.uploadId}/complete`, {});
  expect(late.status).toBe(409);
  expect(late.body).toMatchObject({ code: 'illegal-state' });
});

it('keeps its memory flat while 160 MB go through', async () => {
  const size = 160 * 2 ** 20;
  const upload = await begin(size);
  const chunk = Buffer.alloc(partBytes, 7);
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  let peak = 0;
  for (let number = 1; number <= size / partBytes; number++) {
    const { body } = await api.call<Upload>('POST', `/uploads/${upload.uploadId}/sign`, {
      parts: [number],
    });
    expect((await put(body.parts[0]?.url ?? '', chunk)).status).toBe(200);
    peak = Math.max(peak, process.memoryUsage().rss);
  }
  const done = await api.call('POST', `/uploads/${upload.uploadId}/complete`, {});
  expect(done.body).toMatchObject({ state: 'completed' });
  // This process is the client too, so its buffers are in the figure.
  expect(peak - before).toBeLessThan(110 * 2 ** 20);
});
