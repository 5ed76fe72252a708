import pg from 'pg';
import { expect, test } from 'vitest';
import { processLives } from '../../../tools/services/supervised-process.ts';
import { startOwnPostgres } from './postgres.ts';
import { startRedis } from './redis.ts';

test('a Postgres of one own keeps what was committed when it is killed', async () => {
  await using postgres = await startOwnPostgres({ durable: true });
  const client = new pg.Client({ connectionString: postgres.url() });
  client.on('error', () => {});
  await client.connect();
  await client.query('CREATE TABLE kept (id int)');
  const before = postgres.process.pid ?? 0;
  postgres.process.signal('SIGKILL');
  await expect.poll(() => postgres.process.restarts, { timeout: 10_000 }).toBe(1);
  await postgres.process.ready();
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
