import { pino } from 'pino';
import { readConfig } from './config.ts';
import { openDeps } from './open-deps.ts';
import { openServer } from './open-server.ts';

/** stdout says one line when the server takes requests; the log goes to stderr. */
async function main(): Promise<void> {
  const config = readConfig();
  const log = pino({ level: config.log, base: { name: 'api' } }, pino.destination(2));
  const { deps, stop, close } = await openDeps(config, log);
  const server = await openServer(deps);
  let ending = false;
  const end = (signal: NodeJS.Signals) => {
    if (ending) return;
    ending = true;
    log.info({ signal }, 'stopping');
    stop();
    server
      .close()
      .then(close)
      .catch((error) => log.error({ err: error }, 'did not stop in order'))
      .finally(() => process.exit(0));
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  process.stdout.write(`${JSON.stringify({ ready: true, port: server.port })}\n`);
}

function sentenceOf(error: NodeJS.ErrnoException & { port?: number; address?: string }): string {
  if (error.code === 'EADDRINUSE') {
    return `The port ${error.port} on ${error.address} is taken: stop what uses it, or set VANDA_PORT to another one.`;
  }
  if (error.code === 'EACCES' && error.port !== undefined) {
    return `This account may not listen on port ${error.port}: set VANDA_PORT to 1024 or more.`;
  }
  if (error.code === 'EADDRNOTAVAIL') {
    return `${error.address} is not an address of this machine: set VANDA_HOST to one that is.`;
  }
  return error.message;
}

main().catch((error) => {
  process.stderr.write(`The API could not start. ${sentenceOf(error)}\n`);
  process.exit(1);
});
