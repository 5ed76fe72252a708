import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyLayout } from '../key-layout.ts';
import { type Fixture, objectStoreConformance } from '../object-store.conformance.ts';
import { openObjectStore } from '../open-object-store.ts';
import { diskObjectRoutes } from './disk-object-routes.ts';
import { DiskObjectStore } from './disk-store.ts';

async function start(): Promise<Fixture & { store: DiskObjectStore; folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'vanda-disk-store-'));
  let origin = '';
  const store = await openObjectStore({
    url: `disk:${folder}`,
    secret: randomBytes(32).toString('hex'),
    publicUrl: () => origin,
  });
  if (!(store instanceof DiskObjectStore)) throw new Error('disk: opened another driver');
  const server = createServer(diskObjectRoutes(store));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true, force: true });
  };
  return { store, folder, stop };
}

objectStoreConformance('disk', start);

describe('disk object store', () => {
  let fixture: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    fixture = await start();
  });
  afterAll(() => fixture.stop());

  it('reaps the temporary files of a crash, and leaves those that are being written', async () => {
    const left = join(fixture.folder, 'temp', 'left-by-a-crash');
    const fresh = join(fixture.folder, 'temp', 'being-written');
    await writeFile(left, 'half');
    await writeFile(fresh, 'half');
    await utimes(left, 1, 1);
    const hour = 3_600_000;
    const reaped = await fixture.store.reap({ tempOlderThanMs: hour, multipartOlderThanMs: hour });
    expect(reaped.temps).toBe(1);
    expect(await readdir(join(fixture.folder, 'temp'))).toEqual(['being-written']);
    await rm(fresh);
  });

  it('leaves nothing behind when a client hangs up in the middle of a part', async () => {
    const key = keyLayout.upload('hangup');
    const { multipartId } = await fixture.store.createMultipart(key);
    const size = 8 * 1024 ** 2;
    const [part] = await fixture.store.signParts(key, multipartId, [{ number: 1, size }], 60);
    await new Promise<void>((resolve) => {
      const call = request(part?.url ?? '', { method: 'PUT', headers: { 'content-length': size } });
      call.on('error', () => resolve());
      call.write(randomBytes(1024 ** 2), () => call.destroy(new Error('gone')));
    });
    await expect.poll(() => readdir(join(fixture.folder, 'temp'))).toEqual([]);
    expect(await fixture.store.listParts(key, multipartId)).toEqual([]);
  });

  it('counts a body that declares no length, and refuses the byte too many', async () => {
    const key = keyLayout.upload('chunked');
    const { multipartId } = await fixture.store.createMultipart(key);
    const [part] = await fixture.store.signParts(key, multipartId, [{ number: 1, size: 4 }], 60);
    const put = (text: string) =>
      fetch(part?.url ?? '', {
        method: 'PUT',
        body: new Blob([text]).stream(),
        duplex: 'half',
      } as RequestInit);
    const long = await put('12345');
    expect(long.status).toBe(400);
    expect(await long.json()).toMatchObject({
      code: 'checksum-mismatch',
      detail: 'The body is longer than the 4 bytes that were declared.',
    });
    expect((await put('123')).status).toBe(400);
    expect((await put('1234')).status).toBe(200);
  });

  it('lets a page of another origin upload and see the ETag', async () => {
    const url = await fixture.store.signGet(keyLayout.upload('cors'), { expiresInS: 60 });
    const preflight = await fetch(url, { method: 'OPTIONS' });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-methods')).toContain('PUT');
    expect(preflight.headers.get('access-control-expose-headers')).toContain('ETag');
  });

  it('never serves bytes in a way that a browser would run', async () => {
    const key = keyLayout.upload('page');
    await fixture.store.put(key, Buffer.from('<script>alert(1)</script>'));
    const url = await fixture.store.signGet(key, { expiresInS: 60, contentType: 'text/html' });
    const answer = await fetch(url);
    expect(answer.headers.get('content-security-policy')).toContain('sandbox');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('content-disposition')).toMatch(/^attachment/);
  });

  it('lets two completions at once both succeed', async () => {
    const key = keyLayout.upload('race');
    const { multipartId } = await fixture.store.createMultipart(key);
    const size = 3 * 1024 ** 2;
    const [part] = await fixture.store.signParts(key, multipartId, [{ number: 1, size }], 60);
    const sent = await fetch(part?.url ?? '', { method: 'PUT', body: new Uint8Array(size) });
    const parts = [{ number: 1, etag: sent.headers.get('etag') ?? '' }];
    const complete = () => fixture.store.completeMultipart(key, multipartId, parts);
    const answers = await Promise.all([complete(), complete(), complete()]);
    expect(answers).toEqual(Array(3).fill({ key, size }));
  });

  it('receives a large part in flat memory', async () => {
    const key = keyLayout.upload('large');
    const { multipartId } = await fixture.store.createMultipart(key);
    const chunk = randomBytes(1024 ** 2);
    const size = 600 * chunk.byteLength;
    const [part] = await fixture.store.signParts(key, multipartId, [{ number: 1, size }], 60);
    // A process of its own, so that only the receiving side is weighed.
    const server = fork(join(import.meta.dirname, 'disk-server.fixture.ts'), [
      fixture.folder,
      fixture.store.secret,
    ]);
    try {
      const [port] = await once(server, 'message');
      const url = new URL(part?.url ?? '');
      url.port = String(port);
      async function* body() {
        for (let i = 0; i < 600; i++) yield chunk;
      }
      const init = { method: 'PUT', body: body(), duplex: 'half' } as unknown as RequestInit;
      const answer = await fetch(url, init);
      expect(answer.status).toBe(200);
      server.send('peak');
      const [peakBytes] = await once(server, 'message');
      expect(peakBytes).toBeLessThan(256 * 1024 ** 2);
    } finally {
      server.kill('SIGKILL');
    }
  }, 60_000);
});

describe('openObjectStore', () => {
  it.each([
    [{ url: 'disk:relative/folder' }, 'absolute folder'],
    [{ url: 'disk:/tmp/x' }, 'needs a secret of 32 characters'],
    [{ url: 'disk:/tmp/x', secret: 'x'.repeat(32) }, 'public URL'],
    [{ url: 'ftp://host/x' }, 'neither disk:'],
  ])('refuses %j with a sentence', async (config, sentence) => {
    await expect(openObjectStore(config)).rejects.toThrow(sentence);
  });
});
