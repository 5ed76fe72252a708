// `npm run audit [-- --json] [-- --drained]`: what must always hold, by SQL and the object store.
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { openObjectStore } from '@vanda/objects';
import { postgresUrl } from '../services/postgres.ts';
import { SetupError } from '../setup/run-command.mjs';
import { installationFile, postgresCluster } from '../start/home.ts';
import { readSettings } from '../start/settings.ts';
import { audit } from './audit.ts';

const { values } = parseArgs({
  options: { json: { type: 'boolean' }, drained: { type: 'boolean' } },
});
try {
  const settings = readSettings(process.env);
  const store = await openObjectStore({
    url: settings.objects,
    publicUrl: settings.publicUrl,
    // Nothing is signed here, so that any secret will do.
    secret: '0'.repeat(64),
  });
  const databaseUrl = process.env.VANDA_DATABASE_URL || urlOf(settings.home);
  const report = await audit({ databaseUrl, store, drained: values.drained });
  await store.close();
  if (values.json) process.stdout.write(`${JSON.stringify({ object: 'audit', ...report })}\n`);
  else {
    for (const { check, subject, message } of report.findings) {
      process.stdout.write(`${check}: ${subject}: ${message}\n`);
    }
    const { checks, findings } = report;
    process.stdout.write(`${checks.join(', ')}: ${findings.length} findings.\n`);
  }
  process.exitCode = report.findings.length ? 1 : 0;
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  const down =
    code === 'ECONNREFUSED' ? 'Postgres does not answer: start Vanda first (npm start).' : null;
  const text =
    error instanceof SetupError ? message : `The audit could not be done. ${down ?? message}`;
  if (values.json) process.stdout.write(`${JSON.stringify({ object: 'audit', error: text })}\n`);
  else process.stderr.write(`${text}\n`);
  process.exitCode = 2;
}

function urlOf(home: string): string {
  const file = installationFile(home);
  if (!existsSync(file)) {
    throw new SetupError(
      `There is no installation in ${home}: set VANDA_HOME, or VANDA_DATABASE_URL.`,
    );
  }
  return postgresUrl(postgresCluster(home, JSON.parse(readFileSync(file, 'utf8'))));
}
