import { VandaError } from '@vanda/contracts';
import { expect, test } from 'vitest';
import { ClientError } from './client-error.ts';
import { createClient } from './create-client.ts';
import { json, startServer } from './test-server.ts';

const notFound = {
  type: 'urn:vanda:problem:not-found',
  title: 'Not found',
  status: 404,
  detail: 'There is no job job_1.',
  code: 'not-found',
  requestId: 'req-7',
};

test('derives path, query, body and key from the operation', async () => {
  await using server = await startServer((_, response) => json(response, 200, { data: [] }));
  const client = createClient({ baseUrl: `${server.url}/`, apiKey: 'vnd_1' });
  await client.datasets.versions({ params: { name: 'iris' }, query: { limit: 2, after: 'a b' } });
  await client.jobs.create({ body: { spec: { name: 'x' } } });
  await client.me.get();
  const [list, create, me] = server.received;
  expect(list?.url).toBe('/api/v1/datasets/iris/versions?limit=2&after=a+b');
  expect(list?.headers.authorization).toBe('Bearer vnd_1');
  expect(create).toMatchObject({
    method: 'POST',
    url: '/api/v1/jobs',
    body: '{"spec":{"name":"x"}}',
  });
  expect(me?.url).toBe('/api/v1/me');
});

test('refuses a bad name before anything is sent', async () => {
  const client = createClient({ baseUrl: 'http://127.0.0.1:1' });
  await expect(client.datasets.get({ params: { name: '../etc' } })).rejects.toThrow(
    'Not a valid name',
  );
});

test('tells a problem with code, sentence and request id', async () => {
  await using server = await startServer((_, response) => json(response, 404, notFound));
  const client = createClient({ baseUrl: server.url });
  const error = await client.jobs.get({ params: { id: 'job_1' } }).catch((caught) => caught);
  expect(error).toBeInstanceOf(VandaError);
  expect(error).toMatchObject({ code: 'not-found', message: notFound.detail, requestId: 'req-7' });
});

test('tries a create again with the same Idempotency-Key', async () => {
  await using server = await startServer(({ headers }, response) => {
    if (server.received.length < 3) return json(response, 503, { error: 'starting' });
    json(response, 201, { id: headers['idempotency-key'] });
  });
  const client = createClient({ baseUrl: server.url });
  const made = await client.jobs.create({ body: { spec: {} } });
  const keys = server.received.map(({ headers }) => headers['idempotency-key']);
  expect(keys).toHaveLength(3);
  expect(new Set(keys)).toEqual(new Set([made.id]));
});

test('waits as long as Retry-After says', async () => {
  await using server = await startServer((_, response) => {
    if (server.received.length > 1) return json(response, 200, {});
    response.writeHead(429, { 'retry-after': '1' }).end();
  });
  const startedAt = Date.now();
  await createClient({ baseUrl: server.url }).me.get();
  expect(Date.now() - startedAt).toBeGreaterThanOrEqual(990);
});

test('does not do twice what may have been done', async () => {
  await using server = await startServer((_, response) => json(response, 503, {}));
  const client = createClient({ baseUrl: server.url });
  await expect(client.endpoints.rollback({ params: { name: 'e' }, body: {} })).rejects.toThrow();
  expect(server.received).toHaveLength(1);
});

test('says that nobody answers', async () => {
  const server = await startServer(() => {});
  await server[Symbol.asyncDispose]();
  const client = createClient({ baseUrl: server.url, retries: 1 });
  const error = await client.me.get().catch((caught) => caught);
  expect(error).toBeInstanceOf(ClientError);
  expect(error).toMatchObject({ code: 'unavailable', answered: false });
  expect(error.message).toBe(`Nothing answers at ${server.url}: the connection was refused.`);
});

test('ends when told to', async () => {
  await using server = await startServer(() => {});
  const client = createClient({ baseUrl: server.url });
  const call = client.me.get(undefined, { signal: AbortSignal.timeout(50) });
  await expect(call).rejects.toMatchObject({ name: 'TimeoutError' });
});
