import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { freePort } from '../../../tools/services/free-port.ts';
import {
  createCluster,
  type PostgresCluster,
  postgresProcess,
  postgresUrl,
} from '../../../tools/services/postgres.ts';
import { SupervisedProcess } from '../../../tools/services/supervised-process.ts';
import { makeRunFolder, removeFolder } from './run-folder.ts';
import { askSharedServers } from './shared-servers.ts';

export const migrationsFolder = fileURLToPath(
  new URL('../../../prisma/migrations', import.meta.url),
);

/** A real Postgres for tests. */
export interface TestPostgres {
  /** The address of one database of it. */
  url(database?: string): string;
  /** A database of its own for one test, with every migration applied (some 50 ms). */
  freshDatabase(): Promise<TestDatabase>;
}

export interface TestDatabase {
  url: string;
  drop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A Postgres that one test has for itself and may kill: it is started again. */
export interface OwnPostgres extends TestPostgres {
  process: SupervisedProcess;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * The Postgres that all tests of a run share: started when the first test asks, by the process
 * that runs the tests, and gone with it. Outside of a test run this process starts its own.
 */
export async function startPostgres(): Promise<TestPostgres> {
  const shared = await askSharedServers('postgres');
  if (shared) return connectTo(shared as PostgresCluster);
  alone ??= startOwnPostgres();
  return alone;
}

let alone: Promise<OwnPostgres> | undefined;

/**
 * A Postgres of one's own. `durable` for tests that kill it and expect what was committed: it leaves the waiting for the
 * disk out, because that takes from a second to a minute while another program writes much.
 */
export async function startOwnPostgres({ durable = false } = {}): Promise<OwnPostgres> {
  const folder = makeRunFolder('postgres');
  const cluster = await newCluster(folder, durable ? 'process-death' : 'nothing');
  const process = new SupervisedProcess(await postgresProcess(cluster));
  await process.start();
  const stop = async () => {
    await process.stop();
    removeFolder(folder);
  };
  return { ...connectTo(cluster), process, stop, [Symbol.asyncDispose]: stop };
}

/** Makes a cluster in a folder, for whoever starts it. */
export async function newCluster(
  folder: string,
  survives: PostgresCluster['survives'],
): Promise<PostgresCluster> {
  const cluster: PostgresCluster = {
    folder: join(folder, 'postgres'),
    port: await freePort(),
    password: randomBytes(12).toString('hex'),
    database: 'postgres',
    survives,
  };
  await createCluster(cluster);
  return cluster;
}

function connectTo(cluster: PostgresCluster): TestPostgres {
  return {
    url: (database) => postgresUrl(cluster, database),
    freshDatabase: () => freshDatabase(cluster),
  };
}

async function freshDatabase(cluster: PostgresCluster): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  const template = `template_${migrationsHash()}`;
  await withClient(postgresUrl(cluster), async (client) => {
    // The first one migrates the template, all others wait for it here.
    await client.query('SELECT pg_advisory_lock(4711)');
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [template]);
    if (found.rowCount === 0) await migrateTemplate(client, cluster, template);
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  });
  const drop = () =>
    withClient(postgresUrl(cluster), async (client) => {
      await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    });
  return { url: postgresUrl(cluster, name), drop, [Symbol.asyncDispose]: drop };
}

async function migrateTemplate(client: pg.Client, cluster: PostgresCluster, template: string) {
  const { deployMigrations } = await import('@vanda/records');
  const draft = `${template}_draft`;
  await client.query(`DROP DATABASE IF EXISTS ${draft} WITH (FORCE)`);
  await client.query(`CREATE DATABASE ${draft}`);
  await deployMigrations(postgresUrl(cluster, draft), migrationsFolder);
  await client.query(`ALTER DATABASE ${draft} RENAME TO ${template}`);
}

function migrationsHash(): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(migrationsFolder, { recursive: true, encoding: 'utf8' }).sort()) {
    if (name.endsWith('.sql')) hash.update(name).update(readFileSync(join(migrationsFolder, name)));
  }
  return hash.digest('hex').slice(0, 16);
}

async function withClient(url: string, use: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await use(client);
  } finally {
    await client.end();
  }
}
