import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startS3 } from '@vanda/testing';
import { expect, it } from 'vitest';
import { openObjectStore } from '../open-object-store.ts';
import { makeClient } from './s3-client.ts';
import { allowOrigin } from './s3-cors.ts';

const origin = 'https://vanda.example';
const other = 'http://127.0.0.1:3000';

it('lets the pages of an origin send parts, once, and keeps the rules of others', async (context) => {
  const s3 = await startS3();
  if (s3 === null) return context.skip();
  const store = await openObjectStore(s3);
  const mayPut = async (from: string) => {
    const answer = await fetch(`${s3.endpoint}/vanda/some/key`, {
      method: 'OPTIONS',
      headers: {
        origin: from,
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'content-type',
      },
    });
    return answer.ok && answer.headers.get('access-control-allow-origin') === from;
  };
  try {
    expect(await mayPut(origin)).toBe(false);
    expect(await store.allowBrowsers?.(origin)).toEqual({ allowed: true });
    expect(await mayPut(origin)).toBe(true);
    expect(await mayPut(other)).toBe(false);
    expect(await store.allowBrowsers?.(other)).toEqual({ allowed: true });
    expect(await store.allowBrowsers?.(other)).toEqual({ allowed: true });
    expect([await mayPut(origin), await mayPut(other)]).toEqual([true, true]);
  } finally {
    await store.close();
    await s3.stop();
  }
});

it('says what to set by hand where the store does not let itself be told', async () => {
  const server = createServer((_request, answer) => {
    answer.writeHead(403, { 'content-type': 'application/xml' });
    answer.end('<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const credentials = { accessKeyId: 'x', secretAccessKey: 'y' };
  const client = makeClient(
    { bucket: 'vanda', endpoint, region: 'us-east-1', pathStyle: true, credentials },
    endpoint,
  );
  try {
    const access = await allowOrigin(client, 'vanda', origin);
    expect(access).toMatchObject({ allowed: false });
    const advice = access.allowed ? '' : access.advice;
    expect(advice).toMatch(/bucket "vanda".*Access Denied/);
    expect(advice).toContain(`"AllowedOrigins":["${origin}"]`);
    expect(advice).toContain('"ExposeHeaders":["ETag"]');
  } finally {
    client.destroy();
    server.close();
  }
});
