import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { objectStoreConformance } from '../object-store.conformance.ts';
import { openObjectStore } from '../open-object-store.ts';
import { findVersitygw, startVersitygw } from './start-versitygw.ts';

const program = await findVersitygw();

if (program === undefined) {
  describe('S3 object store', () => {
    it('has no S3 server to be tested against (Go is missing or too old)', (context) => {
      context.skip();
    });
  });
} else {
  objectStoreConformance('S3', async () => {
    const server = await startVersitygw(program);
    const store = await openObjectStore(server);
    const stop = async () => {
      await store.close();
      await server.stop();
    };
    return { store, stop };
  });
}

describe('S3 object store without an answer', () => {
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
