import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyLayout } from './key-layout.ts';
import type { ObjectStoreReason } from './object-store-error.ts';
import type { ObjectStore, SignedPart } from './port.ts';

export type Fixture = { store: ObjectStore; stop(): Promise<void> };

const MiB = 1024 ** 2;

/** What every driver must do, told by what a caller notices. Run it on each of them. */
export function objectStoreConformance(name: string, start: () => Promise<Fixture>): void {
  describe(`${name} object store`, () => {
    let fixture: Fixture;
    let store: ObjectStore;
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'vanda-objects-'));
      fixture = await start();
      store = fixture.store;
    }, 60_000);
    afterAll(async () => {
      await fixture?.stop();
      await rm(folder, { recursive: true, force: true });
    });

    it('gives back what was put, with its size and SHA-256', async () => {
      const key = freshKey();
      const bytes = randomBytes(100_000);
      const stored = await store.put(key, bytes);
      expect(stored).toEqual({ key, size: 100_000, sha256: sha256(bytes) });
      expect(await read(key)).toEqual(bytes);
      expect(await store.head(key)).toMatchObject({ key, size: 100_000 });
    });

    it('takes an empty object, a stream, and a file larger than one part', async () => {
      const empty = freshKey();
      expect((await store.put(empty, new Uint8Array())).size).toBe(0);
      expect(await read(empty)).toEqual(Buffer.alloc(0));

      const streamed = freshKey();
      await store.put(streamed, chunksOf(randomBytes(3), randomBytes(0), randomBytes(4)));
      expect((await store.head(streamed))?.size).toBe(7);

      const large = randomBytes(37 * MiB);
      const path = join(folder, 'large');
      await writeFile(path, large);
      const stored = await store.putFile(freshKey(), path);
      expect(stored).toMatchObject({ size: large.byteLength, sha256: sha256(large) });
      const back = join(folder, 'back');
      expect(await store.getFile(stored.key, back)).toEqual(stored);
      expect(large.equals(await readFile(back))).toBe(true);
    });

    it('stores nothing when the bytes are not the expected ones', async () => {
      const key = freshKey();
      const wrong = sha256(Buffer.from('other'));
      await refused('checksum-mismatch', store.put(key, Buffer.from('this'), { sha256: wrong }));
      await refused('size-mismatch', store.put(key, Buffer.from('this'), { size: 5 }));
      const large = chunksOf(randomBytes(20 * MiB));
      await refused('checksum-mismatch', store.put(key, large, { sha256: wrong }));
      expect(await store.head(key)).toBeUndefined();
    });

    it('keeps the former object when a put breaks off', async () => {
      const key = freshKey();
      await store.put(key, Buffer.from('former'));
      async function* breaking() {
        yield randomBytes(17 * MiB);
        throw new Error('the source broke');
      }
      await expect(store.put(key, breaking())).rejects.toThrow('the source broke');
      const stop = AbortSignal.abort(new Error('stopped'));
      await expect(
        store.put(key, chunksOf(Buffer.from('new')), { signal: stop }),
      ).rejects.toThrow();
      expect((await read(key)).toString()).toBe('former');
    });

    it('reads ranges, and refuses those outside', async () => {
      const key = freshKey();
      await store.put(key, Buffer.from('0123456789'));
      const body = await store.get(key, { start: 2, end: 4 });
      expect(body).toMatchObject({ size: 10, range: { start: 2, end: 4 } });
      expect((await buffer(body.stream)).toString()).toBe('234');
      expect((await buffer((await store.get(key, { start: 7 })).stream)).toString()).toBe('789');
      const past = await store.get(key, { start: 8, end: 99 });
      expect((await buffer(past.stream)).toString()).toBe('89');
      await refused('range-not-satisfiable', store.get(key, { start: 10 }));
    });

    it('says what is not there', async () => {
      const key = freshKey();
      await refused('object-not-found', store.get(key));
      await refused('object-not-found', store.getFile(key, join(folder, 'absent')));
      expect(await store.head(key)).toBeUndefined();
      expect(await store.delete(key)).toBe(false);
    });

    it('deletes', async () => {
      const key = freshKey();
      await store.put(key, Buffer.from('x'));
      expect(await store.delete(key)).toBe(true);
      expect(await store.head(key)).toBeUndefined();
    });

    it('lists by prefix in order of keys', async () => {
      const id = randomBytes(6).toString('hex');
      const keys = ['weights.safetensors', 'model.json', 'a'].map((file) =>
        keyLayout.modelFile(id, file),
      );
      for (const key of keys) await store.put(key, Buffer.from(key));
      const found: string[] = [];
      for await (const head of store.list(`models/${id}/`)) {
        expect(head.size).toBe(head.key.length);
        found.push(head.key);
      }
      expect(found).toEqual([...keys].sort());
      for await (const head of store.list(`models/${id}x`)) expect.unreachable(head.key);
    });

    it('refuses keys that the server did not make', async () => {
      for (const key of ['', '/etc/passwd', 'uploads/../x', 'uploads/.hidden', 'uploads/a b']) {
        await refused('key-invalid', (async () => store.put(key, Buffer.from('x')))());
        await refused('key-invalid', (async () => store.get(key))());
      }
    });

    it('takes an upload in parts by signed URLs', async () => {
      const key = freshKey();
      const first = randomBytes(5 * MiB);
      const second = randomBytes(1234);
      const { multipartId } = await store.createMultipart(key);
      const [one, two] = await store.signParts(
        key,
        multipartId,
        [
          { number: 1, size: first.byteLength },
          { number: 2, size: second.byteLength },
        ],
        60,
      );
      const secondEtag = await sent(two, second);
      expect(await store.listParts(key, multipartId)).toEqual([
        { number: 2, size: 1234, etag: secondEtag },
      ]);
      const firstEtag = await sent(one, first);
      const parts = [
        { number: 1, etag: firstEtag },
        { number: 2, etag: secondEtag },
      ];
      expect(await store.head(key)).toBeUndefined();
      const size = first.byteLength + second.byteLength;
      expect(await store.completeMultipart(key, multipartId, parts)).toEqual({ key, size });
      expect(sha256(await read(key))).toBe(sha256(Buffer.concat([first, second])));
      // Once more, as a client does that never saw the answer.
      expect(await store.completeMultipart(key, multipartId, parts)).toEqual({ key, size });
      await refused('multipart-not-found', store.listParts(key, multipartId));
    });

    it('checks each part: its checksum, its length, its number', async () => {
      const key = freshKey();
      const bytes = Buffer.from('the right bytes');
      const { multipartId } = await store.createMultipart(key, { partChecksums: true });
      const request = { number: 1, size: bytes.byteLength, sha256: sha256(bytes) };
      const [part] = await store.signParts(key, multipartId, [request], 60);
      const wrong = await send(part, Buffer.from('the wrong bytes'));
      expect(wrong.status).toBeGreaterThanOrEqual(400);
      expect(wrong.status).toBeLessThan(500);
      expect((await send(part, Buffer.from('short'))).ok).toBe(false);
      expect((await send(part, Buffer.from('the right bytes and more'))).ok).toBe(false);
      expect(await store.listParts(key, multipartId)).toEqual([]);
      const etag = await sent(part, bytes);
      await store.completeMultipart(key, multipartId, [{ number: 1, etag }]);
      expect(await read(key)).toEqual(bytes);
      await refused(
        'part-invalid',
        store.signParts(key, multipartId, [{ number: 10_001, size: 1 }], 60),
      );
    });

    it('heeds Content-MD5 on a part that was signed without a checksum', async () => {
      const key = freshKey();
      const { multipartId } = await store.createMultipart(key);
      const bytes = Buffer.from('bytes');
      const [part] = await store.signParts(key, multipartId, [{ number: 1, size: 5 }], 60);
      const md5 = (text: string) => createHash('md5').update(text).digest('base64');
      expect((await send(part, bytes, { 'content-md5': md5('other') })).status).toBe(400);
      expect((await send(part, bytes, { 'content-md5': md5('bytes') })).status).toBe(200);
      await store.abortMultipart(key, multipartId);
    });

    it('replaces a part that is sent again', async () => {
      const key = freshKey();
      const { multipartId } = await store.createMultipart(key);
      const [part] = await store.signParts(key, multipartId, [{ number: 1, size: 3 }], 60);
      await sent(part, Buffer.from('old'));
      const etag = await sent(part, Buffer.from('new'));
      expect(await store.listParts(key, multipartId)).toEqual([{ number: 1, size: 3, etag }]);
      await store.completeMultipart(key, multipartId, [{ number: 1, etag }]);
      expect((await read(key)).toString()).toBe('new');
    });

    it('refuses to complete with parts that have not arrived', async () => {
      const key = freshKey();
      const { multipartId } = await store.createMultipart(key);
      const missing = [{ number: 1, etag: '"0123456789abcdef0123456789abcdef"' }];
      await refused('part-invalid', store.completeMultipart(key, multipartId, missing));
      await refused('part-invalid', store.completeMultipart(key, multipartId, []));
      const [part] = await store.signParts(key, multipartId, [{ number: 1, size: 1 }], 60);
      await sent(part, Buffer.from('x'));
      await refused('part-invalid', store.completeMultipart(key, multipartId, missing));
      expect(await store.head(key)).toBeUndefined();
      expect(await store.listParts(key, multipartId)).toHaveLength(1);
    });

    it('forgets an aborted upload', async () => {
      const key = freshKey();
      const { multipartId } = await store.createMultipart(key);
      const [part] = await store.signParts(key, multipartId, [{ number: 1, size: 1 }], 60);
      const etag = await sent(part, Buffer.from('x'));
      await store.abortMultipart(key, multipartId);
      await store.abortMultipart(key, multipartId);
      expect((await send(part, Buffer.from('x'))).status).toBe(404);
      await refused('multipart-not-found', store.listParts(key, multipartId));
      const complete = store.completeMultipart(key, multipartId, [{ number: 1, etag }]);
      await refused('multipart-not-found', complete);
    });

    it('believes only its own signatures, and only for a while', async () => {
      const key = freshKey();
      const { multipartId } = await store.createMultipart(key);
      const [part] = await store.signParts(key, multipartId, [{ number: 1, size: 1 }], 60);
      const [brief] = await store.signParts(key, multipartId, [{ number: 1, size: 1 }], 1);
      if (!part || !brief) throw new Error('nothing was signed');
      const otherKey = { ...part, url: part.url.replace(key, freshKey()) };
      expect((await send(otherKey, Buffer.from('x'))).status).toBe(403);
      expect((await fetch(part.url)).status).toBe(403);
      const tampered = part.url.replace(/(signature=)(.)/i, (_, name, digit) =>
        digit === '0' ? `${name}1` : `${name}0`,
      );
      expect((await send({ ...part, url: tampered }, Buffer.from('x'))).status).toBe(403);
      await new Promise((resolve) => setTimeout(resolve, 2100));
      expect((await send(brief, Buffer.from('x'))).status).toBe(403);
      await store.abortMultipart(key, multipartId);
    });

    it('gives a download under a filename, in ranges too', async () => {
      const key = freshKey();
      await store.put(key, Buffer.from('0123456789'));
      const url = await store.signGet(key, { expiresInS: 60, filename: 'größe "1".csv' });
      const whole = await fetch(url);
      expect(whole.status).toBe(200);
      expect(await whole.text()).toBe('0123456789');
      expect(whole.headers.get('content-disposition')).toContain(
        "filename*=UTF-8''gr%C3%B6%C3%9Fe%20%221%22.csv",
      );
      const part = await fetch(url, { headers: { range: 'bytes=3-5' } });
      expect(part.status).toBe(206);
      expect(part.headers.get('content-range')).toBe('bytes 3-5/10');
      expect(await part.text()).toBe('345');
      expect(await fetch(url, { headers: { range: 'bytes=-2' } }).then((r) => r.text())).toBe('89');
      expect((await fetch(url, { headers: { range: 'bytes=10-' } })).status).toBe(416);
      await store.delete(key);
      expect((await fetch(url)).status).toBe(404);
    });

    it('reaps uploads that nobody finished, and only those', async () => {
      const key = freshKey();
      const { multipartId } = await store.createMultipart(key);
      const hour = 3_600_000;
      await store.reap({ tempOlderThanMs: hour, multipartOlderThanMs: hour });
      expect(await store.listParts(key, multipartId)).toEqual([]);
      await new Promise((resolve) => setTimeout(resolve, 1100));
      const { multiparts } = await store.reap({ tempOlderThanMs: 0, multipartOlderThanMs: 0 });
      expect(multiparts).toBeGreaterThanOrEqual(1);
      await refused('multipart-not-found', store.listParts(key, multipartId));
    });

    async function read(key: string): Promise<Buffer> {
      return buffer((await store.get(key)).stream);
    }
  });
}

function freshKey(): string {
  return keyLayout.upload(randomBytes(8).toString('hex'));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function* chunksOf(...chunks: Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* chunks;
}

function send(
  part: SignedPart | undefined,
  body: Buffer,
  headers: Record<string, string> = {},
): Promise<Response> {
  if (part === undefined) throw new Error('nothing was signed');
  return fetch(part.url, {
    method: 'PUT',
    headers: { ...part.headers, ...headers },
    body: new Uint8Array(body),
  });
}

async function sent(part: SignedPart | undefined, body: Buffer): Promise<string> {
  const answer = await send(part, body);
  if (!answer.ok) throw new Error(`PUT answered ${answer.status}: ${await answer.text()}`);
  const etag = answer.headers.get('etag') ?? '';
  expect(etag).toMatch(/^"[0-9a-f]{32,64}"$/);
  return etag;
}

async function refused(reason: ObjectStoreReason, promise: Promise<unknown>): Promise<void> {
  await expect(promise).rejects.toMatchObject({ name: 'ObjectStoreError', reason });
}
