import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Client, createClient } from '@vanda/client';
import { keyPrefixes, type ObjectStore, openObjectStore } from '@vanda/objects';
import { startS3, startStack, type TestS3, type TestStack } from '@vanda/testing';
import pg from 'pg';
import type { AuditReport } from '../../tools/audit/audit.ts';
import { jsonFrom, runVanda } from '../cli/run-vanda.ts';

const auditMain = fileURLToPath(new URL('../../tools/audit/main.ts', import.meta.url));

/** A whole Vanda on an S3 server of its own. */
export interface S3Stack {
  s3: TestS3;
  stack: TestStack;
  store: ObjectStore;
  client: Client;
  /** For the test's own files. */
  folder: string;
  /** Runs the command with --json, expects success, answers the value. */
  vanda<T = Record<string, unknown>>(args: string[], input?: string): Promise<T>;
  query<T>(sql: string, values?: unknown[]): Promise<T[]>;
  keysInStore(): Promise<string[]>;
  /** The audit as a person runs it, told where things are by its environment. */
  runAudit(): AuditReport & { code: number | null };
  stop(): Promise<void>;
}

export async function startS3Stack(): Promise<S3Stack> {
  const s3 = await startS3();
  if (s3 === null) throw new Error('The S3 server is gone since a moment ago.');
  const folder = await mkdtemp(join(tmpdir(), 'vanda-s3-'));
  const aws = {
    AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
  };
  // A worker that was killed is missed soon.
  const env = { ...aws, VANDA_LEASE_SECONDS: '2' };
  const store = await openObjectStore(s3);
  const stack = await startStack({ objects: s3.url, env }).catch(async (error: unknown) => {
    await s3.stop();
    throw error;
  });
  return {
    s3,
    stack,
    store,
    folder,
    client: createClient({ baseUrl: stack.url, apiKey: stack.apiKey }),
    async vanda<T>(args: string[], input = '') {
      const ran = await runVanda([...args, '--json'], stack.cliEnvironment, input);
      if (ran.code !== 0) throw new Error(`vanda ${args.join(' ')}: ${ran.stdout}${ran.stderr}`);
      return jsonFrom<T>(ran);
    },
    async query<T>(sql: string, values: unknown[] = []) {
      const database = new pg.Client({ connectionString: stack.postgres.url() });
      await database.connect();
      try {
        return (await database.query(sql, values)).rows as T[];
      } finally {
        await database.end();
      }
    },
    async keysInStore() {
      const keys: string[] = [];
      for (const prefix of keyPrefixes) {
        for await (const { key } of store.list(prefix)) keys.push(key);
      }
      return keys;
    },
    runAudit() {
      const settings = {
        VANDA_HOME: stack.settings.home,
        VANDA_DATABASE_URL: stack.settings.databaseUrl,
        VANDA_OBJECTS: s3.url,
      };
      const ran = spawnSync(process.execPath, [auditMain, '--drained', '--json'], {
        env: { ...process.env, ...aws, ...settings },
        encoding: 'utf8',
      });
      if (!ran.stdout) throw new Error(`The audit said nothing: ${ran.stderr}`);
      return { code: ran.status, ...(JSON.parse(ran.stdout) as AuditReport) };
    },
    async stop() {
      await stack.stop();
      await store.close();
      await s3.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
