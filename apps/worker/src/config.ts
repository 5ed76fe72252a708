import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { z } from 'zod';

const roleNames = ['train', 'ingest', 'serve'] as const;
export type RoleName = (typeof roleNames)[number];

/** What the worker was told at its start; nothing else reads the environment or the command line. */
export interface WorkerConfig {
  home: string;
  host: string;
  inferencePort: number;
  publicUrl: string;
  inferenceUrl: string;
  databaseUrl: string;
  redisUrl: string;
  objects: string;
  secret: string;
  log: 'debug' | 'info' | 'warn' | 'error';
  roles: RoleName[];
  /** How many jobs train at a time. */
  slots: number;
  /** Threads of each training. */
  threads: number;
  labels: Record<string, string>;
  /** How long a job stays with a worker that is not heard of. */
  leaseMs: number;
  /** How long a process that was asked to stop may take before it is killed. */
  stopGraceMs: number;
  /** The local copies of datasets are kept below this. */
  cacheBytesMax: number;
  /** For processes that know neither Postgres nor the store: without the settings and secrets of this one. */
  childEnvironment: Record<string, string>;
}

const port = z.coerce.number().int().min(0).max(65_535);
const url = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' });
const seconds = z.coerce.number().min(0.2).max(3600);

const environment = z.object({
  VANDA_HOME: z.string().min(1),
  VANDA_HOST: z.string().min(1).default('127.0.0.1'),
  VANDA_INFERENCE_PORT: port.default(8501),
  VANDA_PUBLIC_URL: url.default('http://127.0.0.1:3000'),
  VANDA_INFERENCE_URL: url.default('http://127.0.0.1:8501'),
  VANDA_DATABASE_URL: z.string().regex(/^postgres(ql)?:\/\//, 'must be a postgres:// URL'),
  VANDA_REDIS_URL: z.string().regex(/^rediss?:\/\//, 'must be a redis:// URL'),
  VANDA_OBJECTS: z.string().regex(/^(disk:\/|s3:\/\/)/, 'must be disk:/folder or s3://bucket?...'),
  VANDA_SECRET: z.string().min(32, 'must have at least 32 characters'),
  VANDA_LOG: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  VANDA_LEASE_SECONDS: seconds.default(15),
  VANDA_STOP_GRACE_SECONDS: seconds.default(10),
  VANDA_CACHE_GIB: z.coerce.number().min(0.01).default(20),
});

const whole = (max: number) => z.coerce.number().int().min(1).max(max);
const flags = z.object({
  roles: z
    .string()
    .transform((text) => text.split(',').map((role) => role.trim()))
    .pipe(z.array(z.enum(roleNames, `roles are ${roleNames.join(', ')}`)).min(1)),
  slots: whole(64).default(1),
  threads: whole(1024).optional(),
  label: z
    .array(z.string().regex(/^[^=]+=.*$/, 'a label is written key=value'))
    .default([])
    .transform((pairs) => Object.fromEntries(pairs.map(splitPair))),
});

/** Throws an Error whose sentence names every setting that is not right. */
export function readConfig(argv: string[], env: NodeJS.ProcessEnv): WorkerConfig {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const settings = orThrow(environment.safeParse(given), 'A setting is not right.');
  const { values } = parseArgs({
    args: argv,
    options: {
      roles: { type: 'string', default: 'train,ingest' },
      slots: { type: 'string' },
      threads: { type: 'string' },
      labels: { type: 'string', multiple: true },
    },
  });
  const label = values.labels?.flatMap((text) => text.split(','));
  const options = orThrow(flags.safeParse({ ...values, label }), 'An option is not right.');
  return {
    home: settings.VANDA_HOME,
    host: settings.VANDA_HOST,
    inferencePort: settings.VANDA_INFERENCE_PORT,
    publicUrl: settings.VANDA_PUBLIC_URL.replace(/\/+$/, ''),
    inferenceUrl: settings.VANDA_INFERENCE_URL.replace(/\/+$/, ''),
    databaseUrl: settings.VANDA_DATABASE_URL,
    redisUrl: settings.VANDA_REDIS_URL,
    objects: settings.VANDA_OBJECTS,
    secret: settings.VANDA_SECRET,
    log: settings.VANDA_LOG,
    roles: [...new Set(options.roles)],
    slots: options.slots,
    threads: options.threads ?? Math.max(1, Math.floor(availableParallelism() / options.slots)),
    labels: options.label,
    leaseMs: settings.VANDA_LEASE_SECONDS * 1000,
    stopGraceMs: settings.VANDA_STOP_GRACE_SECONDS * 1000,
    cacheBytesMax: settings.VANDA_CACHE_GIB * 1024 ** 3,
    childEnvironment: Object.fromEntries(
      Object.entries(env).filter(
        (entry): entry is [string, string] =>
          entry[1] !== undefined && !/^(VANDA_|AWS_|NODE_CHANNEL)/.test(entry[0]),
      ),
    ),
  };
}

function splitPair(pair: string): [string, string] {
  const at = pair.indexOf('=');
  return [pair.slice(0, at), pair.slice(at + 1)];
}

function orThrow<T>(parsed: z.ZodSafeParseResult<T>, what: string): T {
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new Error(`${what} ${lines.join('; ')}.`);
}
