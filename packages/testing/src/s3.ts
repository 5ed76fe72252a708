import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../../tools/services/free-port.ts';
import { SupervisedProcess } from '../../../tools/services/supervised-process.ts';
import { versitygwFile } from '../../../tools/setup/versitygw.mjs';
import { makeRunFolder, removeFolder } from './run-folder.ts';

/** A real S3 server with one bucket called `vanda`. */
export interface TestS3 {
  /** As VANDA_OBJECTS takes it. */
  url: string;
  endpoint: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
  process: SupervisedProcess;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Why there is no S3 server on this machine, or null; tests say it when they are skipped. */
export function s3Missing(): string | null {
  const file = versitygwFile();
  return existsSync(file) ? null : `no S3 server at ${file}; \`npm test\` builds it where Go is`;
}

/** Starts a server of the caller's own; null where `s3Missing()` gives the reason. */
export async function startS3(): Promise<TestS3 | null> {
  const missing = s3Missing();
  if (missing) {
    process.stderr.write(`S3 tests are skipped: ${missing}\n`);
    return null;
  }
  const folder = makeRunFolder('s3');
  mkdirSync(join(folder, 'data/vanda'), { recursive: true });
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const credentials = { accessKeyId: 'vanda-test', secretAccessKey: 'vanda-test-secret' };
  const server = new SupervisedProcess({
    name: 's3',
    command: versitygwFile(),
    args: ['--port', `127.0.0.1:${port}`, '--quiet', 'posix', join(folder, 'data')],
    env: {
      ROOT_ACCESS_KEY: credentials.accessKeyId,
      ROOT_SECRET_KEY: credentials.secretAccessKey,
    },
    probe: () => fetch(endpoint).then(() => true),
  });
  await server.start();
  const stop = async () => {
    await server.stop();
    removeFolder(folder);
  };
  const url = `s3://vanda?endpoint=${endpoint}&region=us-east-1&pathStyle=1`;
  return { url, endpoint, credentials, process: server, stop, [Symbol.asyncDispose]: stop };
}
