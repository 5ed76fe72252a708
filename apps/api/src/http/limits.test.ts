import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startOwnPostgres } from '@vanda/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiUnderTest, startApi } from '../api-under-test.fixture.ts';

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startApi({ limits: { requestsPerMinute: 5 } });
});
afterAll(() => api.close());

it('slows a key down that asks too often, and nobody else', async () => {
  const answers: Awaited<ReturnType<typeof api.call>>[] = [];
  for (let times = 0; times < 12; times++) answers.push(await api.call('GET', '/me'));
  expect(answers[0]?.status).toBe(200);
  const refused = answers.find((answer) => answer.status === 429);
  expect(refused?.body).toMatchObject({ code: 'too-many-requests' });
  expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(refused?.headers.get('ratelimit')).toMatch(/^"api";r=0;t=\d+$/);
  const other = { authorization: `Bearer ${api.strangerKey}` };
  expect((await api.call('GET', '/me', undefined, other)).status).toBe(200);
});

it('serves the dashboard: its one page everywhere, its files for good', async () => {
  const folder = join(api.deps.config.home, 'dashboard');
  await mkdir(join(folder, 'assets'), { recursive: true });
  await writeFile(join(folder, 'index.html'), '<title>Vanda</title>');
  await writeFile(join(folder, 'assets/app-1a2b.js'), 'let a');
  for (const path of ['/', '/jobs/job_1', '/sign-in?next=/']) {
    const page = await fetch(`${api.url}${path}`);
    expect(await page.text(), path).toContain('<title>Vanda');
    expect(page.headers.get('content-type')).toContain('text/html');
    expect(page.headers.get('cache-control')).toBe('no-cache');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
  }
  const script = await fetch(`${api.url}/assets/app-1a2b.js`);
  expect(script.headers.get('cache-control')).toContain('immutable');
  const missing = await fetch(`${api.url}/assets/none.js`);
  expect(missing.status).toBe(404);
  expect(missing.headers.get('cache-control') ?? '').not.toContain('immutable');
  expect((await fetch(`${api.url}/api/none`)).status).toBe(404);
});

it('says in a sentence that the database is away, and goes on when it is back', async () => {
  await using postgres = await startOwnPostgres({ durable: true });
  const other = await startApi({ postgres });
  try {
    const back = postgres.process.killAndWait();
    // The processes that serve connections outlive the one that was killed by a moment.
    const ready = async () => (await fetch(`${other.url}/api/health/ready`)).status;
    await expect.poll(ready, { interval: 5, timeout: 10_000 }).toBe(503);
    const statuses = await Promise.all(
      Array.from({ length: 5 }, () => other.call('GET', '/jobs').then((answer) => answer.status)),
    );
    expect(statuses.filter((status) => ![200, 503].includes(status))).toEqual([]);
    await back;
    const status = async () => (await other.call('GET', '/jobs')).status;
    await expect.poll(status, { timeout: 30_000 }).toBe(200);
  } finally {
    await other.close();
  }
}, 60_000);
