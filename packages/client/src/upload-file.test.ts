import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createClient } from './create-client.ts';
import { json, startServer } from './test-server.ts';
import { uploadFile } from './upload-file.ts';
import { blobSource } from './upload-source.ts';

const bytes = Buffer.from('0123456789abcdefghijklmno');
const source = { ...blobSource(new Blob([bytes]), 'x.csv'), sha256: async () => sha256(bytes) };
const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

/** Keeps parts of 10 bytes; `refuse` may break one that arrives. */
async function startStore(
  refuse: (part: number, nth: number) => number | undefined = () => undefined,
) {
  const parts = new Map<number, string>();
  let puts = 0;
  let state = 'open';
  const upload = () => ({
    object: 'upload',
    uploadId: 'upl_1',
    state,
    filename: 'x.csv',
    size: bytes.length,
    partSize: 10,
    parts: [] as { number: number; url: string }[],
    received: [...parts].map(([number, body]) => ({
      number,
      size: body.length,
      etag: `"${number}"`,
    })),
    expiresAt: '',
  });
  const server = await startServer(({ method, url, body }, response) => {
    if (method === 'PUT') {
      const number = Number(url.split('/').at(-1));
      const broken = refuse(number, ++puts);
      if (broken === 0) return void response.destroy();
      if (broken) return json(response, broken, {});
      parts.set(number, body);
      return void response.writeHead(200, { etag: `"${number}"` }).end();
    }
    if (url.endsWith('/sign')) {
      const numbers: number[] = JSON.parse(body).parts;
      const signed = numbers.map((number) => ({ number, url: `${server.url}/store/${number}` }));
      return json(response, 200, { ...upload(), parts: signed });
    }
    if (url.endsWith('/complete')) state = 'completed';
    json(response, 200, upload());
  });
  return { server, parts, client: createClient({ baseUrl: server.url }) };
}

test('sends parts side by side and completes with etags and the hash', async () => {
  const { server, parts, client } = await startStore();
  await using _ = server;
  const seen: number[] = [];
  const done = await uploadFile(client, source, { onProgress: ({ sent }) => seen.push(sent) });
  expect(done.state).toBe('completed');
  expect(
    [...parts]
      .sort()
      .map(([, body]) => body)
      .join(''),
  ).toBe(bytes.toString());
  expect(seen.at(-1)).toBe(25);
  expect(JSON.parse(server.received.at(-1)?.body ?? '')).toEqual({
    parts: [1, 2, 3].map((number) => ({ number, etag: `"${number}"` })),
    sha256: sha256(bytes),
  });
});

test('sends a part again that broke, with a new address where the old one ran out', async () => {
  const answers = [0, 403, 500];
  const { server, parts, client } = await startStore((number) =>
    number === 2 ? answers.shift() : undefined,
  );
  await using _ = server;
  await uploadFile(client, source);
  expect(parts.get(2)).toBe('abcdefghij');
  expect(server.received.filter(({ url }) => url.endsWith('/sign')).length).toBeGreaterThan(1);
});

test('resumes: sends only what is missing', async () => {
  const { server, parts, client } = await startStore();
  await using _ = server;
  parts.set(1, '0123456789');
  parts.set(3, 'kl');
  await uploadFile(client, source, { resume: 'upl_1' });
  const puts = server.received.filter(({ method }) => method === 'PUT').map(({ url }) => url);
  expect(puts.sort()).toEqual(['/store/2', '/store/3']);
});

test('an empty file is one empty part', async () => {
  const { server, parts, client } = await startStore();
  await using _ = server;
  await uploadFile(client, blobSource(new Blob([]), 'empty.csv'));
  expect([...parts]).toEqual([[1, '']]);
});

test('gives up with the reason where the store refuses', async () => {
  const { server, client } = await startStore((number) => (number === 2 ? 400 : undefined));
  await using _ = server;
  await expect(uploadFile(client, source)).rejects.toThrow('The server answered 400');
});
