import type { Socket } from 'node:net';
import { type ErrorCode, toProblem, VandaError } from '@vanda/contracts';

/** What is no HTTP never reaches a route, and is answered on the bare socket: as a problem all the same. */
export function answerBrokenHttp(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const [status, code, sentence] = refusals[error.code ?? ''] ?? [
    '400 Bad Request',
    'invalid-request',
    'This is not HTTP that the server understands: a header or the length of the body is wrong.',
  ];
  const problem = {
    ...toProblem(new VandaError(code, sentence)),
    status: Number.parseInt(status, 10),
  };
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

const refusals: Record<string, [status: string, code: ErrorCode, sentence: string]> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'timeout', 'The request did not arrive whole.'],
  HPE_HEADER_OVERFLOW: [
    '431 Request Header Fields Too Large',
    'invalid-request',
    'The headers are larger than 16 kB together.',
  ],
};
