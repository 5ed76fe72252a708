import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../../tools/services/free-port.ts';
import { SupervisedProcess } from '../../../tools/services/supervised-process.ts';
import {
  type VandaSettings,
  vandaEnvironment,
  vandaProcesses,
} from '../../../tools/services/vanda.ts';
import { migrationsFolder, type OwnPostgres, startOwnPostgres } from './postgres.ts';
import { startRedis, type TestRedis } from './redis.ts';
import { makeRunFolder, removeFolder } from './run-folder.ts';

const createOwner = fileURLToPath(
  new URL('../../../apps/api/src/create-owner.ts', import.meta.url),
);

/** A whole Vanda on free ports with its own state, every process of which may be killed. */
export interface TestStack {
  url: string;
  inferenceUrl: string;
  apiKey: string;
  email: string;
  password: string;
  settings: VandaSettings;
  /** What the CLI needs to reach it. */
  cliEnvironment: NodeJS.ProcessEnv;
  postgres: OwnPostgres;
  redis: TestRedis;
  /** Each is started again when it dies; `ready()` waits for that. */
  processes: { api: SupervisedProcess; worker: SupervisedProcess; serve: SupervisedProcess };
  /** Starts one more worker, by a name of its own and with its own local files. */
  addWorker(name: string): Promise<SupervisedProcess>;
  /** The last lines of every server's log, for a test that failed. */
  logFolder: string;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface StackOptions {
  /** Where bytes go; the disk by default. */
  objects?: string;
  /** More environment for the processes (AWS_*, VANDA_LOG). */
  env?: Record<string, string>;
}

/** Starts Postgres, Redis, the API, a worker and the inference server, and makes the owner. */
export async function startStack(options: StackOptions = {}): Promise<TestStack> {
  const home = makeRunFolder('stack');
  const logFolder = join(home, 'logs');
  mkdirSync(logFolder);
  const [postgres, redis] = await Promise.all([startOwnPostgres({ durable: true }), startRedis()]);
  const { deployMigrations } = await import('@vanda/records');
  await deployMigrations(postgres.url(), migrationsFolder);
  const settings = await stackSettings(home, postgres, redis, options);
  const running: SupervisedProcess[] = [];
  const run = async (spec: ReturnType<typeof vandaProcesses>['api'], name = spec.name) => {
    const env = { ...spec.env, ...options.env };
    const process = new SupervisedProcess({
      ...spec,
      name,
      env,
      logFile: join(logFolder, `${name}.log`),
    });
    running.push(process);
    await process.start();
    return process;
  };
  const stop = async () => {
    await Promise.all(running.map((process) => process.stop()));
    await Promise.all([postgres.stop(), redis.stop()]);
    removeFolder(home);
  };
  try {
    const specs = vandaProcesses(settings);
    const [api, worker, serve] = await Promise.all([
      run(specs.api),
      run(specs.worker),
      run(specs.serve),
    ]);
    const owner = makeOwner(settings);
    const cliEnvironment = {
      ...process.env,
      VANDA_URL: settings.publicUrl,
      VANDA_API_KEY: owner.apiKey,
    };
    return {
      url: settings.publicUrl,
      inferenceUrl: settings.inferenceUrl,
      ...owner,
      settings,
      cliEnvironment,
      postgres,
      redis,
      processes: { api, worker, serve },
      addWorker: (name) =>
        run(vandaProcesses({ ...settings, home: join(home, name) }).worker, name),
      logFolder,
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function stackSettings(
  home: string,
  postgres: OwnPostgres,
  redis: TestRedis,
  options: StackOptions,
): Promise<VandaSettings> {
  const port = await freePort();
  const inferencePort = await freePort();
  return {
    home,
    host: '127.0.0.1',
    port,
    inferencePort,
    publicUrl: `http://127.0.0.1:${port}`,
    inferenceUrl: `http://127.0.0.1:${inferencePort}`,
    databaseUrl: postgres.url(),
    redisUrl: redis.url,
    objects: options.objects ?? `disk:${join(home, 'objects')}`,
    secret: randomBytes(32).toString('hex'),
    log: 'info',
  };
}

interface Owner {
  email: string;
  password: string;
  apiKey: string;
}

function makeOwner(settings: VandaSettings): Owner {
  const env = vandaEnvironment(settings);
  const output = execFileSync(process.execPath, [createOwner], { env, encoding: 'utf8' });
  const line = output
    .trim()
    .split('\n')
    .findLast((text) => text.startsWith('{'));
  const owner = JSON.parse(line ?? '{}') as Owner;
  writeFileSync(
    join(settings.home, 'profile.json'),
    JSON.stringify({ url: settings.publicUrl, apiKey: owner.apiKey }),
  );
  return owner;
}
