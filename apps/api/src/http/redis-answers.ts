import { connect } from 'node:net';

const waitMs = 1000;

/** Whether a Redis listens there. Any answer will do, also that a password is wanted: this is about being there. */
export function redisAnswers(redisUrl: string): Promise<boolean> {
  const { hostname, port } = new URL(redisUrl);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port || 6379) });
    const settle = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(waitMs, () => settle(false));
    socket.on('error', () => settle(false));
    socket.on('connect', () => socket.write('PING\r\n'));
    socket.on('data', () => settle(true));
    // With TLS the other side hangs up at plain text, which says as much.
    socket.on('end', () => settle(true));
  });
}
