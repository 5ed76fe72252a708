import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { TestS3, TestStack } from '@vanda/testing';
import type { AuditReport } from '../../tools/audit/audit.ts';

const main = fileURLToPath(new URL('../../tools/audit/main.ts', import.meta.url));

/** The audit as a person runs it, told where things are by its environment. */
export function runAudit(stack: TestStack, s3: TestS3): AuditReport & { code: number | null } {
  const env = {
    ...process.env,
    VANDA_HOME: stack.settings.home,
    VANDA_DATABASE_URL: stack.settings.databaseUrl,
    VANDA_OBJECTS: s3.url,
    AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
  };
  const ran = spawnSync(process.execPath, [main, '--drained', '--json'], { env, encoding: 'utf8' });
  if (!ran.stdout) throw new Error(`The audit said nothing: ${ran.stderr}`);
  return { code: ran.status, ...(JSON.parse(ran.stdout) as AuditReport) };
}
