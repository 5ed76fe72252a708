import { readConfig } from './config.ts';
import { startWorker } from './worker.ts';

/** The supervisor's patience is 30 s for a trainer; what is not written down by then is found by its lease. */
const stopWithinMs = 28_000;
/** Where the supervisor was killed, and Postgres and Redis with it, there is nobody to tell and little to wait for. */
const stopAloneWithinMs = 10_000;
const supervisor = process.ppid;

try {
  const worker = await startWorker(readConfig(process.argv.slice(2), process.env));
  let stopping = false;
  const stop = async () => {
    if (stopping) process.exit(1);
    stopping = true;
    const withinMs = process.ppid === supervisor ? stopWithinMs : stopAloneWithinMs;
    setTimeout(() => process.exit(1), withinMs).unref();
    await worker.stop();
    process.exit(0);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.stdout.write(`${JSON.stringify({ ready: true, ...worker.details })}\n`);
} catch (error) {
  process.stderr.write(`The worker cannot start. ${(error as Error).message}\n`);
  process.exit(1);
}
