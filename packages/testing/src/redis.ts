import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { freePort } from '../../../tools/services/free-port.ts';
import { redisProcess, redisUrl } from '../../../tools/services/redis.ts';
import { SupervisedProcess } from '../../../tools/services/supervised-process.ts';
import { makeRunFolder, removeFolder } from './run-folder.ts';

/** A real Redis for one test file, killed and started again at will through `process`. */
export interface TestRedis {
  url: string;
  process: SupervisedProcess;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts a Redis of the caller's own (some 50 ms): no test sees the keys of another. */
export async function startRedis(): Promise<TestRedis> {
  const folder = makeRunFolder('redis');
  const port = await freePort();
  const server = { folder: join(folder, 'redis'), port, password: randomBytes(12).toString('hex') };
  const process = new SupervisedProcess(redisProcess(server));
  await process.start();
  const stop = async () => {
    await process.stop();
    removeFolder(folder);
  };
  return { url: redisUrl(server), process, stop, [Symbol.asyncDispose]: stop };
}
