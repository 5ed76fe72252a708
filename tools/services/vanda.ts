import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ProcessSpec } from './supervised-process.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What Vanda's own processes are told: the whole contract between them and who starts them. */
export interface VandaSettings {
  home: string;
  host: string;
  port: number;
  inferencePort: number;
  publicUrl: string;
  inferenceUrl: string;
  databaseUrl: string;
  redisUrl: string;
  /** `disk:/folder` or `s3://bucket?endpoint=...&region=...` (credentials in AWS_* variables). */
  objects: string;
  secret: string;
  log: string;
}

/** The environment of every process of Vanda; each of them parses it with zod. */
export function vandaEnvironment(settings: VandaSettings): NodeJS.ProcessEnv {
  return {
    ...process.env,
    PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH}`,
    NODE_ENV: 'production',
    // What stripping types and compiling gave, kept for the next start; a third of its time.
    NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/vanda-compile'),
    VANDA_HOME: settings.home,
    VANDA_HOST: settings.host,
    VANDA_PORT: String(settings.port),
    VANDA_INFERENCE_PORT: String(settings.inferencePort),
    VANDA_PUBLIC_URL: settings.publicUrl,
    VANDA_INFERENCE_URL: settings.inferenceUrl,
    VANDA_DATABASE_URL: settings.databaseUrl,
    VANDA_REDIS_URL: settings.redisUrl,
    VANDA_OBJECTS: settings.objects,
    VANDA_SECRET: settings.secret,
    VANDA_LOG: settings.log,
  };
}

/** The three servers of one machine. Each says `{"ready":true}` on stdout when it takes work. */
export function vandaProcesses(
  settings: VandaSettings,
): Record<'api' | 'worker' | 'serve', ProcessSpec> {
  const env = vandaEnvironment(settings);
  const server = (
    name: string,
    graceMs: number,
    script: string,
    ...args: string[]
  ): ProcessSpec => ({
    name,
    command: process.execPath,
    args: [join(root, script), ...args],
    cwd: root,
    env,
    graceMs,
  });
  const worker = 'apps/worker/src/main.ts';
  return {
    api: server('api', 10_000, 'apps/api/src/main.ts'),
    // A worker first lets its attempts write their last checkpoint.
    worker: server('worker', 30_000, worker, '--roles', 'train,ingest'),
    serve: server('serve', 15_000, worker, '--roles', 'serve'),
  };
}
