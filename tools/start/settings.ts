import { resolve } from 'node:path';
import { z } from 'zod';
import { root } from '../setup/npm-packages.mjs';
import { SetupError } from '../setup/run-command.mjs';

const port = (fallback: number) => z.coerce.number().int().min(1).max(65_535).default(fallback);
const url = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).optional();

const schema = z.object({
  VANDA_HOME: z.string().min(1).default('.vanda'),
  VANDA_HOST: z.string().min(1).default('127.0.0.1'),
  VANDA_PORT: port(3000),
  VANDA_INFERENCE_PORT: port(8501),
  VANDA_PUBLIC_URL: url,
  VANDA_INFERENCE_URL: url,
  VANDA_OBJECTS: z
    .string()
    .regex(/^(disk:\/|s3:\/\/).+/, 'must be disk:/folder or s3://bucket?endpoint=...&region=...')
    .optional(),
  VANDA_LOG: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
});

/** What the user decided about an installation. */
export interface StartSettings {
  home: string;
  host: string;
  port: number;
  inferencePort: number;
  publicUrl: string;
  inferenceUrl: string;
  objects: string;
  log: string;
}

/** Reads the settings from the environment; a wrong one is named in a sentence. */
export function readSettings(env: NodeJS.ProcessEnv): StartSettings {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const { success, data, error } = schema.safeParse(given);
  if (!success) {
    const lines = error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new SetupError(`A setting is not right. ${lines.join('; ')}.`);
  }
  if (data.VANDA_PORT === data.VANDA_INFERENCE_PORT) {
    throw new SetupError(
      `VANDA_PORT and VANDA_INFERENCE_PORT are both ${data.VANDA_PORT}: give one of them another number.`,
    );
  }
  const home = resolve(root, data.VANDA_HOME);
  return {
    home,
    host: data.VANDA_HOST,
    port: data.VANDA_PORT,
    inferencePort: data.VANDA_INFERENCE_PORT,
    publicUrl: data.VANDA_PUBLIC_URL ?? httpUrl(data.VANDA_HOST, data.VANDA_PORT),
    inferenceUrl: data.VANDA_INFERENCE_URL ?? httpUrl(data.VANDA_HOST, data.VANDA_INFERENCE_PORT),
    objects: data.VANDA_OBJECTS ?? `disk:${home}/objects`,
    log: data.VANDA_LOG,
  };
}

/** An address to listen on everywhere is none to go to: then it is this machine's own. */
function httpUrl(host: string, port: number): string {
  if (host === '0.0.0.0' || host === '::') return `http://127.0.0.1:${port}`;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
