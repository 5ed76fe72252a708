import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

/**
 * Tests run in many processes and share the servers that are dear to start. The process that runs
 * them all owns those servers; a test process asks it over a Unix socket, whose path stands in
 * this variable, and the first question starts the server.
 */
const socketVariable = 'VANDA_TEST_SERVERS';

/** Starts a server once and answers how to reach it (plain data). */
export type SharedServer = () => Promise<unknown>;

/** Answers questions for as long as the returned server listens. */
export async function offerSharedServers(
  folder: string,
  servers: Record<string, SharedServer>,
): Promise<Server> {
  const started = new Map<string, Promise<unknown>>();
  const answer = async (name: string) => {
    const start = servers[name];
    if (!start) throw new Error(`No shared server is called "${name}".`);
    const running = started.get(name) ?? start();
    started.set(name, running);
    return running;
  };
  const socketFile = join(folder, 'servers.sock');
  const server = createServer({ allowHalfOpen: true }, async (socket) => {
    socket.on('error', () => {});
    const name = await text(socket);
    const reply = await answer(name).then(
      (value) => ({ value }),
      (error: Error) => ({ error: error.message }),
    );
    socket.end(JSON.stringify(reply));
  });
  await new Promise<void>((resolve) => server.listen(socketFile, resolve));
  process.env[socketVariable] = socketFile;
  return server;
}

/** How to reach a shared server, or null when no test run offers any. */
export async function askSharedServers(name: string): Promise<unknown> {
  const socketFile = process.env[socketVariable];
  if (!socketFile) return null;
  const socket = connect(socketFile);
  socket.end(name);
  const reply = JSON.parse(await text(socket)) as { value?: unknown; error?: string };
  if (reply.error) throw new Error(`The shared ${name} could not be started: ${reply.error}`);
  return reply.value;
}
