import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a ticket allows: predictions of one endpoint or job, in its project's name. */
export interface Ticket {
  projectId: string;
  subject: TicketSubject;
}
/** An endpoint by its name, a job by its id. */
export type TicketSubject = `endpoint/${string}` | `job/${string}`;

const prefix = 'vti_';

/**
 * The API forwards the try-it box to the inference server. It has checked the caller (a session or a key) and passes
 * that on as `authorization: Bearer vti_<payload>.<signature>`: signed with VANDA_SECRET, which both know, and good for
 * a minute. The inference server takes it like a key of the project, for that endpoint or job alone.
 */
export function issueTicket(secret: string, ticket: Ticket, nowMs = Date.now()): string {
  const claims = { p: ticket.projectId, s: ticket.subject, x: nowMs + 60_000 };
  const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');
  return `${prefix}${payload}.${sign(secret, payload)}`;
}

/** The ticket, or null where the token is no ticket, is forged or is past its time. */
export function verifyTicket(secret: string, token: string, nowMs = Date.now()): Ticket | null {
  if (!token.startsWith(prefix) || token.length > 1024) return null;
  const [payload = '', signature = ''] = token.slice(prefix.length).split('.');
  const expected = Buffer.from(sign(secret, payload));
  const given = Buffer.from(signature);
  if (expected.length !== given.length || !timingSafeEqual(expected, given)) return null;
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  return claims.x > nowMs ? { projectId: claims.p, subject: claims.s } : null;
}

function sign(secret: string, payload: string): string {
  return createHmac('sha256', secret).update(`vanda-ticket:${payload}`).digest('base64url');
}
