import { type ChildProcess, spawn } from 'node:child_process';
import { access, constants, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const credentials = { accessKeyId: 'vanda-test', secretAccessKey: 'vanda-test-secret' };

/** The S3 server that the test setup built once into the user's cache, or undefined. */
export async function findVersitygw(): Promise<string | undefined> {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  const path = join(cache, 'vanda', 'bin', 'versitygw');
  const usable = await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
  return usable ? path : undefined;
}

export type TestS3 = {
  url: string;
  credentials: typeof credentials;
  stop(): Promise<void>;
};

/** A real S3 server on a folder of its own, with one bucket called `vanda`. */
export async function startVersitygw(program: string): Promise<TestS3> {
  const folder = await mkdtemp(join(tmpdir(), 'vanda-test-s3-'));
  await mkdir(join(folder, 'data', 'vanda'), { recursive: true });
  const port = await freePort();
  const args = ['--port', `127.0.0.1:${port}`, '--quiet', 'posix', join(folder, 'data')];
  const child = spawn(program, args, {
    stdio: 'ignore',
    env: {
      ROOT_ACCESS_KEY: credentials.accessKeyId,
      ROOT_SECRET_KEY: credentials.secretAccessKey,
    },
  });
  const endpoint = `http://127.0.0.1:${port}`;
  await answers(child, endpoint);
  return {
    url: `s3://vanda?endpoint=${endpoint}&region=us-east-1&pathStyle=1`,
    credentials,
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function answers(child: ChildProcess, endpoint: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (child.exitCode !== null) throw new Error('The S3 server ended at its start.');
    const up = await fetch(endpoint).then(
      () => true,
      () => false,
    );
    if (up) return;
    await sleep(100);
  }
  throw new Error('The S3 server did not answer within 10 s.');
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}
