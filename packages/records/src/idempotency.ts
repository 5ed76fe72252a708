import type { Database, Prisma, Tx } from './database.ts';

/** A create as its Idempotency-Key names it. */
export interface RequestIdentity {
  projectId: string;
  key: string;
  operation: string;
  requestHash: string;
}
export interface StoredAnswer {
  requestHash: string;
  reply: unknown;
}

/**
 * Claims a key in the create's own transaction. Null: nobody made it before, go on and store the answer. `running`:
 * another transaction makes it at this moment. The claim is a lock that ends with the transaction and a row that is
 * written with the answer, so a process that dies leaves neither.
 */
export async function answerOnce(
  tx: Tx,
  identity: RequestIdentity,
): Promise<StoredAnswer | 'running' | null> {
  const [lock] = await tx.$queryRaw<{ got: boolean }[]>`
    SELECT pg_try_advisory_xact_lock(hashtextextended(${`${identity.projectId}/${identity.key}`}, 20)) AS got`;
  if (!lock?.got) return 'running';
  const found = await findAnswer(tx, identity.projectId, identity.key);
  if (found !== null) return found;
  await tx.idempotencyRecord.create({ data: identity });
  return null;
}

export async function findAnswer(
  db: Database | Tx,
  projectId: string,
  key: string,
): Promise<StoredAnswer | null> {
  const row = await db.idempotencyRecord.findUnique({
    where: { projectId_key: { projectId, key } },
  });
  return row && { requestHash: row.requestHash, reply: row.reply };
}

export async function updateAnswer(
  db: Database | Tx,
  { projectId, key }: RequestIdentity,
  reply: unknown,
): Promise<void> {
  await db.idempotencyRecord.updateMany({
    where: { projectId, key },
    data: { status: 201, reply: reply as Prisma.InputJsonValue },
  });
}

/** A key is remembered for a day. Answers how many were forgotten. */
export async function forgetAnswers(db: Database, olderThan: Date): Promise<number> {
  const { count } = await db.idempotencyRecord.deleteMany({
    where: { createdAt: { lt: olderThan } },
  });
  return count;
}
