import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import type { Upload } from '@vanda/contracts';
import { keyLayout } from '@vanda/objects';
import { s3Missing, startS3 } from '@vanda/testing';
import { expect, it, vi } from 'vitest';
import { startApi } from '../api-under-test.fixture.ts';

const missing = s3Missing();

it(`takes uploads straight into S3${missing ? ` (not tested: ${missing})` : ''}`, async (context) => {
  const s3 = await startS3();
  if (s3 === null) return context.skip();
  vi.stubEnv('AWS_ACCESS_KEY_ID', s3.credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', s3.credentials.secretAccessKey);
  const partBytes = 5 * 2 ** 20;
  const api = await startApi({ objects: s3.url, limits: { uploadPartBytes: partBytes } });
  try {
    const bytes = randomBytes(partBytes + 1000);
    const { body: upload, headers } = await api.call<Upload>('POST', '/uploads', {
      filename: '../../x.csv',
      size: bytes.length,
    });
    // The page may send to the store, which is another origin.
    expect(headers.get('content-security-policy')).toContain(s3.endpoint);
    for (const part of upload.parts) {
      expect(part.url.startsWith(s3.endpoint)).toBe(true);
      const begin = (part.number - 1) * partBytes;
      const answer = await fetch(part.url, {
        method: 'PUT',
        body: new Uint8Array(bytes.subarray(begin, begin + partBytes)),
      });
      expect(answer.status).toBe(200);
    }
    const half = await api.call<Upload>('GET', `/uploads/${upload.uploadId}`);
    expect(half.body.received.map((part) => part.size)).toEqual([partBytes, 1000]);
    for (let times = 0; times < 2; times++) {
      const done = await api.call<Upload>('POST', `/uploads/${upload.uploadId}/complete`, {});
      expect(done.body).toMatchObject({ state: 'completed' });
    }
    const key = keyLayout.upload(upload.uploadId);
    const { stream } = await api.deps.objects.get(key);
    expect((await buffer(stream)).equals(bytes)).toBe(true);
    const gone = await api.call('DELETE', `/uploads/${upload.uploadId}`);
    expect(gone.body).toMatchObject({ freedBytes: bytes.length });
    expect(await api.deps.objects.head(key)).toBeUndefined();
  } finally {
    vi.unstubAllEnvs();
    await api.close();
    await s3.stop();
  }
});
