import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Problem } from '@vanda/contracts';
import { createKey, createOwner, inTransaction, newId } from '@vanda/records';
import { startPostgres, startRedis, type TestPostgres } from '@vanda/testing';
import { hashPassword } from 'better-auth/crypto';
import { pino } from 'pino';
import { type Config, defaultLimits } from './config.ts';
import type { Deps } from './deps.ts';
import { openDeps } from './open-deps.ts';
import { openServer } from './open-server.ts';

/** A whole API on a free port, on real Postgres, Redis and disk store, for one test file. */
export interface ApiUnderTest {
  url: string;
  deps: Deps;
  projectId: string;
  apiKey: string;
  /** A key of another project in the same installation. */
  strangerKey: string;
  email: string;
  password: string;
  redis: Awaited<ReturnType<typeof startRedis>>;
  /** Calls an operation with the project's key; `body` goes as JSON. */
  call<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<{ status: number; body: T & Partial<Problem>; headers: Headers }>;
  close(): Promise<void>;
}

export async function startApi(
  options: {
    limits?: Partial<Config['limits']>;
    inferenceInternalUrl?: string;
    postgres?: TestPostgres;
    /** Where bytes go; the disk by default. */
    objects?: string;
  } = {},
): Promise<ApiUnderTest> {
  const postgres = options.postgres ?? (await startPostgres());
  const [database, redis] = await Promise.all([postgres.freshDatabase(), startRedis()]);
  const home = await mkdtemp(join(tmpdir(), 'vanda-api-'));
  const config: Config = {
    home,
    host: '127.0.0.1',
    port: 0,
    publicUrl: 'http://127.0.0.1:1',
    inferenceUrl: 'http://127.0.0.1:8501',
    inferenceInternalUrl: options.inferenceInternalUrl ?? 'http://127.0.0.1:9',
    databaseUrl: database.url,
    redisUrl: redis.url,
    objects: options.objects ?? `disk:${home}/objects`,
    secret: 'secret-of-the-api-under-test-0123456789',
    log: 'error',
    limits: { ...defaultLimits, deployWaitMs: 300, ...options.limits },
    checkReplies: true,
  };
  const log = pino({ level: 'error' }, pino.destination({ dest: 2, sync: true }));
  const { deps, stop, close } = await openDeps(config, log);
  const server = await openServer(deps, { dashboardFolder: join(home, 'dashboard') });
  const url = `http://127.0.0.1:${server.port}`;
  config.publicUrl = url;
  const email = 'owner@vanda.local';
  const password = 'a-password-for-tests';
  const passwordHash = await hashPassword(password);
  const owner = await inTransaction(deps.db, (tx) =>
    createOwner(tx, {
      email,
      name: 'Owner',
      passwordHash,
      projectName: 'Default',
      keyName: 'test',
    }),
  );
  const stranger = await inTransaction(deps.db, async (tx) => {
    const project = await tx.project.create({ data: { id: newId('prj'), name: 'Other' } });
    return createKey(tx, project.id, 'stranger');
  });
  const apiKey = owner?.key ?? '';
  return {
    url,
    deps,
    projectId: owner?.projectId ?? '',
    apiKey,
    strangerKey: stranger.key,
    email,
    password,
    redis,
    async call(method, path, body, headers = {}) {
      const response = await fetch(`${url}/api/v1${path}`, {
        method,
        redirect: 'manual',
        headers: {
          authorization: `Bearer ${apiKey}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      const text = await response.text();
      return {
        status: response.status,
        body: text === '' ? {} : JSON.parse(text),
        headers: response.headers,
      };
    },
    async close() {
      stop();
      await server.close();
      await close();
      await Promise.all([database.drop(), redis.stop(), rm(home, { recursive: true })]);
    },
  };
}
