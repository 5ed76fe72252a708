import { createHash } from 'node:crypto';
import { VandaError } from '@vanda/contracts';
import { type Database, membershipOf, verifyKey } from '@vanda/records';
import { betterAuth } from 'better-auth';
import { prismaAdapter } from 'better-auth/adapters/prisma';
import type { FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import type { Actor } from '../http/handler.ts';

/** Who asks, by key or session; and the sign-in routes of the library behind /api/auth. */
export interface Authentication {
  /** Throws `unauthenticated`. */
  identify(request: FastifyRequest): Promise<Actor>;
  /** Answers a request to /api/auth/*. */
  handle(request: Request): Promise<Response>;
}

export const authPath = '/api/auth';

export function openAuthentication(db: Database, config: Config, log: Logger): Authentication {
  const auth = betterAuth({
    baseURL: config.publicUrl,
    basePath: authPath,
    secret: config.secret,
    database: prismaAdapter(db, { provider: 'postgresql', transaction: true }),
    emailAndPassword: { enabled: true, disableSignUp: true, minPasswordLength: 10 },
    session: { expiresIn: 60 * 60 * 24 * 30, updateAge: 60 * 60 * 24 },
    // The page may be open under another name of this server than the public address says.
    trustedOrigins: (request) => {
      const host = request?.headers.get('host');
      return host ? [`http://${host}`, `https://${host}`] : [];
    },
    // Counted by this server itself, with the same headers as everywhere.
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    advanced: {
      // Cookies know no ports: two installations on one machine need names of their own.
      cookiePrefix: `vanda-${createHash('sha256').update(config.secret).digest('hex').slice(0, 8)}`,
      useSecureCookies: config.publicUrl.startsWith('https:'),
    },
    logger: {
      level: 'warn',
      log: (level, message) => log[level === 'error' ? 'error' : 'warn']({ from: 'auth' }, message),
    },
  });

  async function bySession(headers: Headers): Promise<Actor | null> {
    const found = await auth.api.getSession({ headers });
    if (!found) return null;
    const member = await membershipOf(db, found.user.id);
    if (!member) return null;
    const { id, name, email } = found.user;
    return {
      projectId: member.projectId,
      role: member.role === 'owner' ? 'owner' : 'member',
      name,
      user: { id, name, email },
      key: null,
    };
  }

  return {
    async identify(request) {
      const { authorization, cookie } = request.headers;
      if (authorization !== undefined) {
        const key = /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
        const verified = key === undefined ? null : await verifyKey(db, key);
        if (verified === null) {
          throw new VandaError(
            'unauthenticated',
            'The API key is not valid: send "Authorization: Bearer vnd_..." with a key that was not revoked.',
          );
        }
        return {
          projectId: verified.projectId,
          role: 'key',
          name: verified.name,
          user: null,
          key: { id: verified.keyId, name: verified.name },
        };
      }
      const actor = cookie === undefined ? null : await bySession(new Headers({ cookie }));
      if (actor === null) {
        throw new VandaError(
          'unauthenticated',
          'Sign in, or send "Authorization: Bearer vnd_..." with an API key.',
        );
      }
      return actor;
    },
    handle: (request) => auth.handler(request),
  };
}
