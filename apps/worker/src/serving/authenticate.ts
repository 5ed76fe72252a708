import { createHash } from 'node:crypto';
import { type Database, type TicketSubject, verifyKey, verifyTicket } from '@vanda/records';
import { TfsError, unavailable } from './tfs-error.ts';

/** Whose endpoints and jobs may be asked; a ticket is for one of them alone. */
export interface Caller {
  projectId: string;
  subject?: TicketSubject;
}

export function mayAsk({ subject }: Caller, about: TicketSubject): boolean {
  return subject === undefined || subject === about;
}

/** Used as it is while younger; looked up again in the background while younger than the second; then not used. */
const freshMs = 1_000;
const staleMs = 3_000;
/** While Postgres is away, keys that were good before still are, for this long. */
const blindMs = 3_600_000;
const keptMax = 10_000;

type Kept = { projectId: string | null; checkedAt: number; checking: boolean };

/**
 * Keys are verified against Postgres, at most once a second each; a revoked one stops working within three seconds.
 * Memory holds their hashes only.
 */
export class Authenticator {
  private readonly kept = new Map<string, Kept>();
  private readonly verify: (key: string) => Promise<string | null>;
  private readonly secret: string;

  constructor(db: Database, secret: string) {
    this.verify = async (key) => (await verifyKey(db, key))?.projectId ?? null;
    this.secret = secret;
  }

  async caller(authorization: string | undefined): Promise<Caller> {
    const token = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) {
      throw refused('Send an API key of the project: "Authorization: Bearer vnd_...".');
    }
    const ticket = verifyTicket(this.secret, token);
    if (ticket) return ticket;
    const projectId = await this.projectOf(token);
    if (projectId === null) throw refused('This API key is not known, or was revoked.');
    return { projectId };
  }

  private async projectOf(key: string): Promise<string | null> {
    const id = createHash('sha256').update(key).digest('base64');
    const kept = this.kept.get(id);
    const age = kept ? Date.now() - kept.checkedAt : Number.POSITIVE_INFINITY;
    if (kept && age < staleMs) {
      if (age >= freshMs && !kept.checking) void this.look(key, id).catch(() => {});
      return kept.projectId;
    }
    try {
      return await this.look(key, id);
    } catch {
      if (kept?.projectId && age < blindMs) return kept.projectId;
      throw unavailable('The database that knows the API keys cannot be reached.');
    }
  }

  private async look(key: string, id: string): Promise<string | null> {
    const before = this.kept.get(id);
    if (before) before.checking = true;
    try {
      const projectId = await this.verify(key);
      this.kept.delete(id);
      this.kept.set(id, { projectId, checkedAt: Date.now(), checking: false });
      // Oldest first: a flood of made-up keys cannot fill the memory.
      for (const oldest of this.kept.keys()) {
        if (this.kept.size <= keptMax) break;
        this.kept.delete(oldest);
      }
      return projectId;
    } finally {
      if (before) before.checking = false;
    }
  }
}

function refused(sentence: string): TfsError {
  return new TfsError(401, sentence, { 'www-authenticate': 'Bearer' });
}
