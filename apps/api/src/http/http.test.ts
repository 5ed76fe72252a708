import { request } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiUnderTest, startApi } from '../api-under-test.fixture.ts';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

function raw(path: string, init: RequestInit = {}) {
  return fetch(`${api.url}${path}`, {
    ...init,
    headers: { authorization: `Bearer ${api.apiKey}`, ...init.headers },
  });
}
const json = { 'content-type': 'application/json' };

it('answers who asks, with the headers that keep browsers safe', async () => {
  const me = await api.call('GET', '/me');
  expect(me.status).toBe(200);
  expect(me.body).toMatchObject({ object: 'me', project: { name: 'Default' }, user: null });
  expect(me.headers.get('content-security-policy')).toContain("script-src 'self'");
  expect(me.headers.get('x-content-type-options')).toBe('nosniff');
  expect(me.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  expect(me.headers.get('cache-control')).toBe('no-store');
  expect(me.headers.get('ratelimit')).toMatch(/^"api";r=\d+;t=\d+$/);
  expect(me.headers.get('ratelimit-policy')).toBe('"fixed window";"api";q=6000;w=60');
});

it('lets nobody in without a key or a session', async () => {
  const paths = ['/me', '/jobs', '/datasets/x/versions/1', '/events', '/workers'];
  for (const path of [...paths.map((end) => `/api/v1${end}`), '/api/docs', '/api/metrics']) {
    const answer = await fetch(`${api.url}${path}`);
    expect(answer.status, path).toBe(401);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.headers.get('www-authenticate')).toContain('Bearer');
    expect(await answer.json()).toMatchObject({ code: 'unauthenticated' });
  }
  for (const authorization of ['Bearer vnd_wrong', 'Basic abc', `Bearer ${api.apiKey}x`, 'x']) {
    const answer = await api.call('GET', '/me', undefined, { authorization });
    expect(answer.status, authorization).toBe(401);
  }
});

it('speaks problems for what is not there and for wrong methods', async () => {
  const missing = await api.call('GET', '/nothing/here');
  expect(missing.status).toBe(404);
  expect(missing.body).toMatchObject({
    type: 'urn:vanda:problem:not-found',
    title: 'Not found',
    status: 404,
    code: 'not-found',
    instance: '/api/v1/nothing/here',
    requestId: missing.headers.get('x-request-id'),
  });
  const wrong = await api.call('DELETE', '/jobs');
  expect(wrong.status).toBe(405);
  expect(wrong.headers.get('allow')).toBe('POST, GET');
  expect(wrong.body).toMatchObject({ code: 'method-not-allowed' });
  expect((await raw('/api/v1/jobs', { method: 'PUT', body: '{}', headers: json })).status).toBe(
    405,
  );
  const page = await fetch(`${api.url}/api/none`, { headers: { accept: 'text/html' } });
  expect(page.status).toBe(404);
});

it('names what is wrong with a body', async () => {
  const post = (body: string, headers: Record<string, string> = json) =>
    raw('/api/v1/keys', { method: 'POST', body, headers });
  const cases: [Promise<Response>, number, string][] = [
    [post('{"name": '), 400, 'invalid-request'],
    [post('NaN'), 400, 'invalid-request'],
    [post('{"name": "x", "__proto__": {"admin": true}}'), 400, 'invalid-request'],
    [post('{"name": "x", "constructor": {"prototype": {"a": 1}}}'), 400, 'invalid-request'],
    [
      post('name=x', { 'content-type': 'application/x-www-form-urlencoded' }),
      415,
      'unsupported-media-type',
    ],
    [post('<x/>', { 'content-type': 'text/xml' }), 415, 'unsupported-media-type'],
    [post(''), 400, 'invalid-request'],
    [post('[]'), 400, 'invalid-request'],
    [post('null'), 400, 'invalid-request'],
    [post('{"name": "x", "nmae": 1}'), 400, 'invalid-request'],
    [post(`{"name": "${'x'.repeat(2 ** 20)}"}`), 413, 'payload-too-large'],
  ];
  for (const [index, [answer, status, code]] of cases.entries()) {
    const response = await answer;
    const body = (await response.json()) as Record<string, unknown>;
    expect(body, `case ${index}`).toMatchObject({ status, code });
    expect(response.status).toBe(status);
    expect(body.detail).toMatch(/\.$/);
  }
  const unknown = await api.call('POST', '/keys', { name: 'x', nmae: 1 });
  expect(unknown.body.errors).toEqual([
    { pointer: '/nmae', message: 'There is no field "nmae" here.' },
  ]);
});

it('answers a body of 100 MB with a sentence, in flat memory', async () => {
  const before = process.memoryUsage().rss;
  const chunk = Buffer.alloc(2 ** 20, 0x20);
  const answer = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    const sending = request(`${api.url}/api/v1/jobs`, {
      method: 'POST',
      headers: { ...json, authorization: `Bearer ${api.apiKey}`, 'content-length': 100 * 2 ** 20 },
    });
    sending.on('error', reject);
    sending.on('response', async (response) => {
      let text = '';
      for await (const part of response) text += part;
      resolve({ status: response.statusCode ?? 0, text });
    });
    let left = 100;
    const write = () => {
      while (left-- > 0) if (!sending.write(chunk)) return void sending.once('drain', write);
      sending.end();
    };
    write();
  });
  expect(answer.status).toBe(413);
  expect(JSON.parse(answer.text)).toMatchObject({ code: 'payload-too-large' });
  expect(process.memoryUsage().rss - before).toBeLessThan(100 * 2 ** 20);
});

it('keeps out what would overflow a stack or what Postgres cannot keep', async () => {
  const post = async (path: string, text: string, key = 'x') => {
    const headers = { ...json, 'idempotency-key': key };
    const answer = await raw(`/api/v1${path}`, { method: 'POST', body: text, headers });
    return { status: answer.status, body: (await answer.json()) as { detail: string } };
  };
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
  expect(await post('/keys', `{"name": ${deep}}`)).toMatchObject({ status: 400 });
  expect(await post('/jobs', `{"spec": {"name": ${deep}}}`)).toMatchObject({ status: 400 });
  expect((await post('/keys', '{"name": "[[[[{{{\\"[["}')).status).toBe(201);
  for (const bad of ['a\\u0000b', '\\ud800', '\\udc00x']) {
    expect((await post('/keys', `{"name": "${bad}"}`)).body.detail).toContain('/name');
    expect((await post('/uploads', `{"filename": "${bad}", "size": 1}`)).status).toBe(400);
    expect((await post('/jobs', `{"spec": {"name": "a", "target": "${bad}"}}`)).status).toBe(400);
    expect((await post('/jobs', `{"spec": {"${bad}": 1}}`)).status).toBe(400);
  }
  expect((await post('/keys', '{"name": "\\ud83d\\ude00 \\\\u0000"}', 'y')).status).toBe(201);
  for (const path of [
    '/jobs/%00',
    '/jobs?name=%00',
    '/jobs?after=%00',
    '/uploads/a%00',
    '/ingests/%00',
  ]) {
    expect((await raw(`/api/v1${path}`)).status, path).toBe(400);
  }
});

it('takes odd addresses for what they are', async () => {
  for (const path of [
    '/api/v1/jobs/%zz',
    '/api/v1/datasets/%00',
    `/api/v1/jobs/${'x'.repeat(9000)}`,
  ]) {
    const answer = await raw(path);
    expect([400, 404, 414], path.slice(0, 40)).toContain(answer.status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  }
  const names = ['..%2F..%2Fetc', 'Upper', 'emoji-%F0%9F%98%80', 'x'.repeat(4096), '-dash'];
  for (const name of names) {
    const answer = await api.call('GET', `/datasets/${name}`);
    expect(answer.status, name).toBe(400);
    expect(answer.body.detail).toContain('^[a-z0-9][a-z0-9-]{0,62}$');
  }
  for (const path of ['/../../etc/passwd', '/assets/..%2f..%2fpackage.json', '/%00']) {
    const text = await (await raw(path)).text();
    expect(text, path).not.toContain('root:');
  }
});

it('says page by page what lists hold', async () => {
  for (const name of ['a', 'b', 'c']) await api.call('POST', '/keys', { name });
  const first = await api.call<{ data: { name: string }[]; has_more: boolean; last_id: string }>(
    'GET',
    '/keys?limit=2',
  );
  expect(first.body.data.map((key) => key.name)).toEqual(['c', 'b']);
  expect(first.body).toMatchObject({ object: 'list', has_more: true });
  const rest = await api.call<{ data: { name: string }[] }>(
    'GET',
    `/keys?limit=2&after=${first.body.last_id}`,
  );
  expect(rest.body.data[0]?.name).toBe('a');
  const all = await api.call<{ data: { name: string }[] }>('GET', '/keys?limit=100');
  expect(all.body).toMatchObject({ has_more: false });
  expect(all.body.data.at(-1)?.name).toBe('test');
  for (const query of ['limit=0', 'limit=x', 'limit=1001']) {
    const wrong = await api.call('GET', `/keys?${query}`);
    expect(wrong.status).toBe(400);
    expect(wrong.body.errors?.[0]?.pointer).toBe('/limit');
  }
  expect((await api.call('GET', '/datasets?after=nothing')).status).toBe(400);
});

it('says whether it lives and is ready, and counts what it does', async () => {
  expect(await (await fetch(`${api.url}/api/health/live`)).json()).toEqual({ live: true });
  const ready = await fetch(`${api.url}/api/health/ready`);
  expect(ready.status).toBe(200);
  expect(await ready.json()).toMatchObject({ ready: true, database: 'ok' });
  const metrics = await (await raw('/api/metrics')).text();
  expect(metrics).toContain('vanda_api_request_seconds_count');
  expect(metrics).toContain('route="/api/v1/me"');
  expect(metrics).toContain('vanda_work_count{noun="outbox",state="waiting"} 0');
});

it('says that it is ready without Redis', async () => {
  const ready = async () => (await fetch(`${api.url}/api/health/ready`)).json();
  api.redis.process.signal('SIGSTOP');
  expect(await ready()).toMatchObject({ ready: true, degraded: true, queue: 'unreachable' });
  api.redis.process.signal('SIGCONT');
  expect(await ready()).toMatchObject({ ready: true, degraded: false, queue: 'ok' });
});

it('says that the dashboard is not built', async () => {
  const page = await fetch(`${api.url}/jobs/whatever`);
  expect(page.status).toBe(503);
  expect(await page.text()).toContain('npm run build:web');
});
