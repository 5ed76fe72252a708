import { VandaError } from '@vanda/contracts';
import type { FastifyRequest } from 'fastify';

/**
 * A browser sends the session's cookie along with whatever page asks. Writes are taken only from pages of this
 * server: the Origin header (which scripts cannot set) must name the host that was asked, or the public address.
 */
export function requireSameOrigin(request: FastifyRequest, publicUrl: string): void {
  if (request.method === 'GET' || request.method === 'HEAD') return;
  const { origin, host } = request.headers;
  if (origin === undefined) {
    // Not a browser's cross-site request: those carry an Origin, and this says where they come from.
    if (request.headers['sec-fetch-site'] === 'same-origin') return;
  } else if (URL.canParse(origin)) {
    const from = new URL(origin);
    if (from.host === host || from.origin === new URL(publicUrl).origin) return;
  }
  throw new VandaError(
    'forbidden',
    'With a session, changes are accepted from this server’s own pages only: use an API key elsewhere.',
  );
}
