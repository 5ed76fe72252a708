import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { verifyKey } from '@vanda/records';
import { verifyPassword } from 'better-auth/crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiUnderTest, startApi } from '../api-under-test.fixture.ts';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startApi({ limits: { signInsPerMinute: 8 } });
});
afterAll(() => api.close());

async function signIn(password: string, headers: Record<string, string> = {}) {
  const answer = await fetch(`${api.url}/api/auth/sign-in/email`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: api.url, ...headers },
    body: JSON.stringify({ email: api.email, password }),
  });
  const cookie = answer.headers
    .getSetCookie()
    .map((text) => text.split(';')[0])
    .join('; ');
  return { answer, cookie };
}

it('signs the owner in, and takes changes from its own pages only', async () => {
  const { answer, cookie } = await signIn(api.password);
  expect(answer.status).toBe(200);
  expect(answer.headers.getSetCookie()[0]).toMatch(/HttpOnly.*SameSite=Lax/i);
  const me = await fetch(`${api.url}/api/v1/me`, { headers: { cookie } });
  expect(await me.json()).toMatchObject({ user: { email: api.email }, key: null });

  const create = (headers: Record<string, string>) =>
    fetch(`${api.url}/api/v1/keys`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', cookie, ...headers },
      body: '{"name": "from the dashboard"}',
    });
  expect((await create({ origin: api.url })).status).toBe(201);
  for (const headers of [{}, { origin: 'http://evil.example' }, { origin: 'null' }]) {
    const refused = await create(headers as Record<string, string>);
    expect(refused.status, JSON.stringify(headers)).toBe(403);
    expect(await refused.json()).toMatchObject({ code: 'forbidden' });
  }
  const out = await fetch(`${api.url}/api/auth/sign-out`, {
    method: 'POST',
    headers: { cookie, origin: api.url, 'content-type': 'application/json' },
    body: '{}',
  });
  expect(out.status).toBe(200);
  expect((await fetch(`${api.url}/api/v1/me`, { headers: { cookie } })).status).toBe(401);
});

it('refuses a wrong password, a foreign page and new accounts', async () => {
  const wrong = await signIn('not the password');
  expect(wrong.answer.status).toBe(401);
  expect(await wrong.answer.json()).toMatchObject({
    code: 'unauthenticated',
    detail: expect.stringMatching(/\.$/),
    message: expect.any(String),
  });
  const foreign = await signIn(api.password, { origin: 'http://evil.example', cookie: 'a=b' });
  expect(foreign.answer.status).toBe(403);
  const up = await fetch(`${api.url}/api/auth/sign-up/email`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: api.url },
    body: JSON.stringify({ email: 'a@b.example', password: 'long enough 123', name: 'a' }),
  });
  expect(up.status).toBe(400);
  expect(await api.deps.db.user.count()).toBe(1);
});

it('slows down whoever guesses passwords', async () => {
  const answers: Response[] = [];
  for (let guess = 0; guess < 20; guess++) answers.push((await signIn(`g${guess}`)).answer);
  const refused = answers.filter((answer) => answer.status === 429);
  // Whatever the clock says, no minute lets more than eight of them through.
  expect(refused.length).toBeGreaterThanOrEqual(4);
  expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(answers.every((answer) => [401, 429].includes(answer.status))).toBe(true);
});

it('makes keys that are shown once, kept as a hash and revoked at once', async () => {
  const made = await api.call<{ id: string; key: string; prefix: string }>('POST', '/keys', {
    name: 'ci',
  });
  expect(made.status).toBe(201);
  expect(made.body.key).toMatch(/^vnd_[0-9A-Za-z]{40}$/);
  expect(made.body.key.startsWith(made.body.prefix)).toBe(true);
  const row = await api.deps.db.apiKey.findUniqueOrThrow({ where: { id: made.body.id } });
  expect(JSON.stringify(row)).not.toContain(made.body.key);
  const headers = { authorization: `Bearer ${made.body.key}` };
  expect((await api.call('GET', '/me', undefined, headers)).body).toMatchObject({
    key: { name: 'ci' },
  });
  const used = await verifyKey(api.deps.db, made.body.key);
  expect(used).toMatchObject({ projectId: api.projectId, name: 'ci' });
  const { body } = await api.call<{ data: { id: string; lastUsedAt: string | null }[] }>(
    'GET',
    '/keys',
  );
  expect(JSON.stringify(body)).not.toContain(made.body.key);
  expect(body.data.find((key) => key.id === made.body.id)?.lastUsedAt).not.toBeNull();
  const first = await api.call('DELETE', `/keys/${made.body.id}`);
  const again = await api.call('DELETE', `/keys/${made.body.id}`);
  expect(first.body.revokedAt).toBe(again.body.revokedAt);
  expect((await api.call('GET', '/me', undefined, headers)).status).toBe(401);
});

it('shows nothing of another project', async () => {
  const authorization = `Bearer ${api.strangerKey}`;
  const mine = await api.call<{ id: string }>('POST', '/keys', { name: 'mine' });
  const theirs = await api.call('DELETE', `/keys/${mine.body.id}`, undefined, { authorization });
  expect(theirs.status).toBe(404);
  const list = await api.call<{ data: unknown[] }>('GET', '/keys', undefined, { authorization });
  expect(list.body.data).toHaveLength(1);
});

it('resets the password from the machine, which ends every session', async () => {
  const { id: userId } = await api.deps.db.user.findFirstOrThrow();
  const expiresAt = new Date(Date.now() + 60_000);
  await api.deps.db.session.create({ data: { id: 's', userId, token: 't', expiresAt } });
  const script = fileURLToPath(new URL('../reset-password.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script], {
    env: { ...process.env, VANDA_DATABASE_URL: api.deps.config.databaseUrl },
  });
  const password = /\n {2}(\S+)\n/.exec(stdout)?.[1] ?? '';
  expect(password).toMatch(/^[a-z2-9]{5}(-[a-z2-9]{5}){3}$/);
  const user = await api.deps.db.account.findFirstOrThrow();
  expect(await verifyPassword({ hash: user.password ?? '', password })).toBe(true);
  expect(await api.deps.db.session.count()).toBe(0);
  expect(await verifyPassword({ hash: user.password ?? '', password: api.password })).toBe(false);
});
