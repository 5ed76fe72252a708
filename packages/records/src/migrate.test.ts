import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '@vanda/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { deployMigrations } from './migrate.ts';

const committed = join(import.meta.dirname, '..', '..', '..', 'prisma', 'migrations');
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vanda-migrations-'));
  await cp(committed, folder, { recursive: true });
});
afterAll(() => rm(folder, { recursive: true }));

/** An empty database: the migrated template is not wanted here. */
async function emptyDatabase() {
  const database = await (await startPostgres()).freshDatabase();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  const drop = async () => {
    await client.end();
    await database.drop();
  };
  return { url: database.url, client, drop };
}

async function withMigration(name: string, sql: string, work: () => Promise<void>): Promise<void> {
  await mkdir(join(folder, name));
  await writeFile(join(folder, name, 'migration.sql'), sql);
  await work().finally(() => rm(join(folder, name), { recursive: true }));
}

it('applies every migration once, whoever of two processes comes first', async () => {
  const database = await emptyDatabase();
  const done = await Promise.all([
    deployMigrations(database.url, folder),
    deployMigrations(database.url, folder),
  ]);
  const names = (await readdir(folder)).sort();
  expect(done.flat().sort()).toEqual(names);
  expect(await deployMigrations(database.url, folder)).toEqual([]);
  const { rows } = await database.client.query('SELECT migration_name FROM _prisma_migrations');
  expect(rows.map((row) => row.migration_name).sort()).toEqual(names);
  await database.drop();
});

it('leaves nothing of a migration that fails half-way', async () => {
  const database = await emptyDatabase();
  await deployMigrations(database.url, folder);
  const broken = 'CREATE TABLE half (id INT); SELECT 1 / 0;';
  await withMigration('99999999999998_broken', broken, async () => {
    await expect(deployMigrations(database.url, folder)).rejects.toThrow(
      /99999999999998_broken failed and changed nothing: division by zero/,
    );
  });
  const { rows } = await database.client.query(`SELECT to_regclass('public.half') AS made`);
  expect(rows[0].made).toBeNull();
  await database.drop();
});

it('refuses a migration that was edited after it was applied, and a database that is ahead', async () => {
  const database = await emptyDatabase();
  const name = '99999999999999_note';
  await withMigration(name, 'CREATE TABLE note (id INT)', async () => {
    await deployMigrations(database.url, folder);
    await writeFile(join(folder, name, 'migration.sql'), 'CREATE TABLE note (id BIGINT)');
    await expect(deployMigrations(database.url, folder)).rejects.toThrow(/was edited after/);
  });
  await expect(deployMigrations(database.url, folder)).rejects.toThrow(/Start a newer version/);
  await database.drop();
});
