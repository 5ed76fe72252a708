import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { type Operation, VandaError } from '@vanda/contracts';
import {
  answerOnce,
  type Database,
  findAnswer,
  inTransaction,
  type StoredAnswer,
  type Tx,
  updateAnswer,
} from '@vanda/records';
import type { FastifyRequest } from 'fastify';

/** Thrown through a handler when its transaction finds that the create was made before. */
export class Replay extends Error {
  readonly reply: unknown;
  constructor(reply: unknown) {
    super('The stored answer is given again.');
    this.reply = reply;
  }
}

/** The Idempotency-Key of one request: how its create runs at most once. */
export interface Idempotency {
  /** The stored answer, where the create was made before. */
  stored(): Promise<{ reply: unknown } | null>;
  /** Runs the create's transaction, with the answer stored in it. */
  once<R>(work: (tx: Tx) => Promise<R>): Promise<R>;
  /** What the handler answered in the end, where it went on after its transaction. */
  settle(reply: unknown): Promise<void>;
}

export function idempotencyOf(
  db: Database,
  secret: string,
  operation: Operation,
  projectId: string,
  request: FastifyRequest,
): Idempotency {
  const key = operation.idempotent ? readKey(request.headers['idempotency-key']) : null;
  if (key === null) {
    return {
      stored: async () => null,
      once: (work) => inTransaction(db, work),
      settle: async () => {},
    };
  }
  const identity = {
    projectId,
    key,
    operation: operation.id,
    requestHash: hashOf([operation.id, request.params, request.body]),
  };
  const open = (answer: StoredAnswer): { reply: unknown } => {
    if (answer.requestHash !== identity.requestHash) {
      throw new VandaError(
        'idempotency-mismatch',
        `The Idempotency-Key "${key}" was used with another request: use a new key for this one.`,
      );
    }
    return { reply: unseal(secret, answer.reply) };
  };
  return {
    async stored() {
      const answer = await findAnswer(db, projectId, key);
      return answer && open(answer);
    },
    once: (work) =>
      inTransaction(db, async (tx) => {
        const answer = await answerOnce(tx, identity);
        if (answer === 'running') {
          throw new VandaError(
            'request-running',
            `The first request with the Idempotency-Key "${key}" still runs: ask again in a moment.`,
          );
        }
        if (answer !== null) throw new Replay(open(answer).reply);
        const reply = await work(tx);
        await updateAnswer(tx, identity, sealFor(operation, secret, reply));
        return reply;
      }),
    settle: (reply) => updateAnswer(db, identity, sealFor(operation, secret, reply)),
  };
}

/** Bare, or quoted as a structured field. */
function readKey(header: string | string[] | undefined): string | null {
  if (header === undefined) return null;
  const text = String(header).trim();
  const bare = /^"(.*)"$/.exec(text)?.[1]?.replaceAll(/\\(["\\])/g, '$1') ?? text;
  if (!/^[\x20-\x7e]{1,255}$/.test(bare)) {
    throw new VandaError(
      'invalid-request',
      'Idempotency-Key must be 1 to 255 printable ASCII characters, such as a UUID.',
    );
  }
  return bare;
}

/** Equal JSON has an equal hash, whatever the order of its keys. */
function hashOf(value: unknown): string {
  const text = JSON.stringify(value, (_, part) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
  return createHash('sha256').update(text).digest('hex');
}

/** An answer that holds a key is kept encrypted, so that the table holds no key in the clear. */
function sealFor(operation: Operation, secret: string, reply: unknown): unknown {
  if (operation.id !== 'keys.create') return reply;
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', sealKey(secret), iv);
  const sealed = Buffer.concat([cipher.update(JSON.stringify(reply)), cipher.final()]);
  return { sealed: Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64') };
}

function unseal(secret: string, reply: unknown): unknown {
  const sealed = (reply as { sealed?: unknown } | null)?.sealed;
  if (typeof sealed !== 'string') return reply;
  const bytes = Buffer.from(sealed, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', sealKey(secret), bytes.subarray(0, 12));
  decipher.setAuthTag(bytes.subarray(12, 28));
  const text = Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]);
  return JSON.parse(text.toString('utf8'));
}

function sealKey(secret: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', 'vanda-idempotency', 32));
}
