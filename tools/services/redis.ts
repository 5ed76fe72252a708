import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { ProcessSpec } from './supervised-process.ts';

/** One Redis: where its append-only file lives and where it listens. */
export interface RedisServer {
  folder: string;
  port: number;
  password: string;
}

export function redisUrl(server: RedisServer): string {
  return `redis://:${server.password}@127.0.0.1:${server.port}/0`;
}

/** How the supervisor runs it: every write in the append-only file, nothing ever evicted. */
export function redisProcess(server: RedisServer): ProcessSpec {
  mkdirSync(server.folder, { recursive: true, mode: 0o700 });
  const settings = {
    port: server.port,
    bind: '127.0.0.1',
    dir: JSON.stringify(server.folder),
    appendonly: 'yes',
    'maxmemory-policy': 'noeviction',
    save: '""',
    requirepass: server.password,
    // Without this a full disk would leave a server that refuses writes and says nothing.
    'stop-writes-on-bgsave-error': 'yes',
  };
  // A file rather than arguments: the list of processes shows arguments to every user.
  const file = join(server.folder, 'redis.conf');
  const lines = Object.entries(settings).map(([key, value]) => `${key} ${value}\n`);
  writeFileSync(file, lines.join(''), { mode: 0o600 });
  return {
    name: 'redis',
    command: 'redis-server',
    args: [file],
    probe: () => answersPing(server),
    readyTimeoutMs: 60_000,
  };
}

/** While it still reads its file Redis answers -LOADING: that is not ready. */
function answersPing(server: RedisServer): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(server.port, '127.0.0.1');
    socket.setTimeout(1000, () => socket.destroy());
    socket.once('connect', () => socket.write(`AUTH ${server.password}\r\nPING\r\n`));
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString();
      if (answer.includes('+PONG')) socket.end();
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(answer.includes('+PONG')));
  });
}
