import pg from 'pg';
import { expect, test } from 'vitest';
import { processLives } from '../../../tools/services/supervised-process.ts';
import { launchBrowser } from './browser.ts';
import { startOwnPostgres, startPostgres } from './postgres.ts';
import { startRedis } from './redis.ts';
import { s3Missing, startS3 } from './s3.ts';
import { seededRandom } from './seeded-random.ts';

test('a Postgres of one own keeps what was committed when it is killed', async () => {
  await using postgres = await startOwnPostgres({ durable: true });
  const client = new pg.Client({ connectionString: postgres.url() });
  client.on('error', () => {});
  await client.connect();
  await client.query('CREATE TABLE kept (id int)');
  const before = postgres.process.pid ?? 0;
  await postgres.process.killAndWait();
  const again = new pg.Client({ connectionString: postgres.url() });
  await again.connect();
  expect((await again.query('SELECT count(*)::int AS n FROM kept')).rows).toEqual([{ n: 0 }]);
  await again.end();
  expect(processLives(before)).toBe(false);
});

test('a Redis is ready when it is started, and gone when it is stopped', async () => {
  const redis = await startRedis();
  const pid = redis.process.pid ?? 0;
  expect(processLives(pid)).toBe(true);
  await redis.stop();
  expect(processLives(pid)).toBe(false);
});

test('every test has a database of its own with all migrations', async () => {
  const postgres = await startPostgres();
  await using one = await postgres.freshDatabase();
  await using two = await postgres.freshDatabase();
  expect(one.url).not.toBe(two.url);
  const client = new pg.Client({ connectionString: one.url });
  await client.connect();
  const { rows } = await client.query('SELECT count(*)::int AS n FROM _prisma_migrations');
  await client.end();
  expect(rows[0].n).toBeGreaterThan(0);
});

test.skipIf(s3Missing() !== null)(
  'the S3 server has the bucket and asks for its keys',
  async () => {
    await using s3 = await startS3();
    const answer = await fetch(`${s3?.endpoint}/vanda`);
    expect(answer.status).toBe(403);
  },
);

test('Chromium shows a page', async () => {
  const browser = await launchBrowser();
  const page = await browser.newPage();
  await page.setContent('<h1>Vanda</h1>');
  expect(await page.textContent('h1')).toBe('Vanda');
  await browser.close();
});

test('the same seed gives the same numbers', () => {
  const [one, two] = [seededRandom(7), seededRandom(7)];
  const numbers = Array.from({ length: 100 }, one);
  expect(Array.from({ length: 100 }, two)).toEqual(numbers);
  expect(new Set(numbers).size).toBe(100);
});
