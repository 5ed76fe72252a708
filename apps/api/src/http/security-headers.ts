import type { FastifyInstance } from 'fastify';

/** The dashboard loads nothing from elsewhere; styles are inline because components set them. */
export function addSecurityHeaders(
  server: FastifyInstance,
  publicUrl: string,
  storeOrigins: string[],
): void {
  const encrypted = publicUrl.startsWith('https:');
  const policy = [
    "default-src 'self'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    // Parts are put straight into the object store, which may be another origin.
    `connect-src ${["'self'", ...storeOrigins].join(' ')}`,
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ');
  server.addHook('onRequest', async (request, reply) => {
    reply.header('content-security-policy', policy);
    reply.header('x-content-type-options', 'nosniff');
    reply.header('x-frame-options', 'DENY');
    reply.header('referrer-policy', 'same-origin');
    reply.header('cross-origin-opener-policy', 'same-origin');
    reply.header('permissions-policy', 'microphone=(), geolocation=()');
    if (encrypted) reply.header('strict-transport-security', 'max-age=31536000');
    reply.header('x-request-id', request.id);
  });
}

/** Where browsers send parts to: the public address with the disk driver, S3's endpoint otherwise. */
export function storeOriginsOf(objects: string, publicUrl: string): string[] {
  const publicOrigin = new URL(publicUrl).origin;
  if (!objects.startsWith('s3:')) return [publicOrigin];
  const { hostname: bucket, searchParams: query } = new URL(objects);
  const endpoint = query.get('publicEndpoint') ?? query.get('endpoint');
  if (!endpoint) return [publicOrigin, 'https://*.amazonaws.com'];
  const { protocol, host, origin } = new URL(endpoint);
  // Without path style the bucket is a part of the host's name.
  const store = query.get('pathStyle') === '1' ? origin : `${protocol}//${bucket}.${host}`;
  return [publicOrigin, store];
}
