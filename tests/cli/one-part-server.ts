import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A way to the API that lets one part of an upload through and holds the others until it is told not to. */
export interface OnePartServer {
  url: string;
  /** Parts that the API has answered for. */
  partsArrived(): number;
  /** Parts that a client has begun to send. */
  partsSent(): number;
  uploadsBegun(): number;
  passEverything(): void;
  stop(): Promise<void>;
}

export async function startOnePartServer(target: string): Promise<OnePartServer> {
  let url = '';
  let holding = true;
  let sent = 0;
  let arrived = 0;
  let uploads = 0;
  const server = createServer((from, to) => {
    const isPart = from.method === 'PUT';
    // What is held is a part that the killed command never got to the end of.
    if (isPart && holding && sent > 0) return;
    if (isPart) sent += 1;
    if (from.method === 'POST' && from.url === '/api/v1/uploads') uploads += 1;
    forward(from, to, target, url, () => {
      if (isPart) arrived += 1;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    partsArrived: () => arrived,
    partsSent: () => sent,
    uploadsBegun: () => uploads,
    passEverything: () => {
      holding = false;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Signed addresses in the answers lead this way too. */
function forward(
  from: IncomingMessage,
  to: ServerResponse,
  target: string,
  url: string,
  answered: () => void,
): void {
  const { host } = new URL(target);
  const headers = { ...from.headers, host, 'accept-encoding': 'identity' };
  const onward = request(new URL(from.url ?? '/', target), { method: from.method, headers });
  onward.on('response', async (answer) => {
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    const body = Buffer.from(Buffer.concat(chunks).toString().replaceAll(target, url));
    const { 'content-length': _, 'transfer-encoding': __, ...rest } = answer.headers;
    answered();
    to.writeHead(answer.statusCode ?? 502, { ...rest, 'content-length': body.length });
    to.end(body);
  });
  onward.on('error', () => to.destroy());
  from.on('error', () => onward.destroy());
  from.pipe(onward);
}
