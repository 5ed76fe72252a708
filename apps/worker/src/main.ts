import { readConfig } from './config.ts';
import { startWorker } from './worker.ts';

/** The supervisor's patience is 30 s for a trainer; what is not written down by then is found by its lease. */
const stopWithinMs = 28_000;

try {
  const worker = await startWorker(readConfig(process.argv.slice(2), process.env));
  let stopping = false;
  const stop = async () => {
    if (stopping) process.exit(1);
    stopping = true;
    setTimeout(() => process.exit(1), stopWithinMs).unref();
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
