import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const port = z.coerce.number().int().min(0).max(65_535);
const url = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' });

const schema = z.object({
  VANDA_HOME: z.string().min(1),
  VANDA_HOST: z.string().min(1).default('127.0.0.1'),
  VANDA_PORT: port.default(3000),
  VANDA_INFERENCE_PORT: port.default(8501),
  VANDA_PUBLIC_URL: url.optional(),
  VANDA_INFERENCE_URL: url.optional(),
  /** Where the inference server is for the API itself, when that is not this machine. */
  VANDA_INFERENCE_INTERNAL_URL: url.optional(),
  VANDA_DATABASE_URL: z.string().regex(/^postgres(ql)?:\/\//, 'must be a postgres:// URL'),
  VANDA_REDIS_URL: z.string().regex(/^rediss?:\/\//, 'must be a redis:// URL'),
  VANDA_OBJECTS: z.string().regex(/^(disk:\/|s3:\/\/)/, 'must be disk:/folder or s3://bucket?...'),
  VANDA_SECRET: z.string().min(32, 'must have at least 32 characters'),
  VANDA_LOG: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
});

/** What the API was told at its start; nothing else reads the environment. */
export interface Config {
  home: string;
  host: string;
  port: number;
  publicUrl: string;
  inferenceUrl: string;
  inferenceInternalUrl: string;
  databaseUrl: string;
  redisUrl: string;
  objects: string;
  secret: string;
  log: 'debug' | 'info' | 'warn' | 'error';
  limits: {
    /** Requests of one key or person in a minute. */
    requestsPerMinute: number;
    /** Tries to sign in from one address in a minute. */
    signInsPerMinute: number;
    bodyBytes: number;
    /** How long a deployment waits for an inference server. */
    deployWaitMs: number;
    uploadPartBytes: number;
  };
  /** Tests check every answer against its contract. */
  checkReplies: boolean;
}

export const defaultLimits: Config['limits'] = {
  requestsPerMinute: 6000,
  signInsPerMinute: 10,
  bodyBytes: 1024 ** 2,
  deployWaitMs: 30_000,
  uploadPartBytes: 16 * 1024 ** 2,
};

/** Throws an Error whose sentence names every setting that is not right. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const { success, data, error } = schema.safeParse(given);
  if (!success) {
    const lines = error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new Error(`A setting is not right. ${lines.join('; ')}.`);
  }
  const inferenceHere = httpUrl(data.VANDA_HOST, data.VANDA_INFERENCE_PORT);
  return {
    home: data.VANDA_HOME,
    host: data.VANDA_HOST,
    port: data.VANDA_PORT,
    publicUrl: withoutSlash(data.VANDA_PUBLIC_URL ?? httpUrl(data.VANDA_HOST, data.VANDA_PORT)),
    inferenceUrl: withoutSlash(data.VANDA_INFERENCE_URL ?? inferenceHere),
    inferenceInternalUrl: withoutSlash(data.VANDA_INFERENCE_INTERNAL_URL ?? inferenceHere),
    databaseUrl: data.VANDA_DATABASE_URL,
    redisUrl: data.VANDA_REDIS_URL,
    objects: data.VANDA_OBJECTS,
    secret: data.VANDA_SECRET,
    log: data.VANDA_LOG,
    limits: defaultLimits,
    checkReplies: false,
  };
}

const checkout = fileURLToPath(new URL('../../..', import.meta.url));

/**
 * Where the database of an installation is, for commands that a person runs beside it: as the environment says, or as
 * `npm start` wrote it into the state folder.
 */
export function readDatabaseUrl(env: NodeJS.ProcessEnv = process.env): string {
  if (env.VANDA_DATABASE_URL) return env.VANDA_DATABASE_URL;
  const home = resolve(checkout, env.VANDA_HOME || '.vanda');
  const file = join(home, 'installation.json');
  if (!existsSync(file)) {
    throw new Error(
      `There is no installation in ${home}: start one with "npm start", or set VANDA_HOME to its state folder.`,
    );
  }
  const { postgresPort, postgresPassword } = z
    .object({ postgresPort: port, postgresPassword: z.string() })
    .parse(JSON.parse(readFileSync(file, 'utf8')));
  return `postgresql://vanda:${postgresPassword}@127.0.0.1:${postgresPort}/vanda`;
}

/** An address to listen on everywhere is none to go to: then it is this machine's own. */
function httpUrl(host: string, port: number): string {
  if (host === '0.0.0.0' || host === '::') return `http://127.0.0.1:${port}`;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function withoutSlash(text: string): string {
  return text.replace(/\/+$/, '');
}
