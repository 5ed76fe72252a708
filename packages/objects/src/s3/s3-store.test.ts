import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { s3Missing, startS3 } from '@vanda/testing';
import { describe, expect, it } from 'vitest';
import { objectStoreConformance } from '../object-store.conformance.ts';
import { openObjectStore } from '../open-object-store.ts';

const missing = s3Missing();

if (missing !== null) {
  describe('S3 object store', () => {
    it(`could not be tested: ${missing}`, (context) => context.skip());
  });
} else {
  objectStoreConformance('S3', async () => {
    const server = await startS3();
    if (server === null) throw new Error('The S3 server is gone since a moment ago.');
    const store = await openObjectStore(server);
    const stop = async () => {
      await store.close();
      await server.stop();
    };
    return { store, stop };
  });
}

describe('S3 object store that cannot be reached', () => {
  it('says so in a sentence when nothing listens', async () => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    const credentials = { accessKeyId: 'x', secretAccessKey: randomBytes(8).toString('hex') };
    const url = `s3://bucket?endpoint=http://127.0.0.1:${port}&pathStyle=1`;
    await expect(openObjectStore({ url, credentials })).rejects.toMatchObject({
      reason: 'store-unavailable',
      code: 'unavailable',
    });
  });
});
