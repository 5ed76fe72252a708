import { createHash, randomBytes, randomInt } from 'node:crypto';
import type { Database, Tx } from './database.ts';
import type { ApiKey, Project, User } from './generated/client.ts';
import { newId } from './ids.ts';

const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const keyPattern = /^vnd_[0-9A-Za-z]{32,128}$/;

/** A project's key, as whoever checks requests needs it. */
export interface VerifiedKey {
  keyId: string;
  projectId: string;
  name: string;
}

/**
 * Who a key (`vnd_...`) belongs to, or null. Notes the use at most once a minute, so that a busy key is not a busy row.
 * The API and the inference server share it.
 */
export async function verifyKey(db: Database, key: string): Promise<VerifiedKey | null> {
  if (!keyPattern.test(key)) return null;
  const row = await db.apiKey.findUnique({ where: { sha256: hashKey(key) } });
  if (row === null || row.revokedAt !== null) return null;
  if (row.lastUsedAt === null || Date.now() - row.lastUsedAt.getTime() > 60_000) {
    await db.apiKey.updateMany({ where: { id: row.id }, data: { lastUsedAt: new Date() } });
  }
  return { keyId: row.id, projectId: row.projectId, name: row.name };
}

/** Makes a key; the key itself is in the answer and nowhere else. */
export async function createKey(
  tx: Tx,
  projectId: string,
  name: string,
): Promise<{ row: ApiKey; key: string }> {
  const key = `vnd_${Array.from({ length: 40 }, () => base62[randomInt(62)]).join('')}`;
  const row = await tx.apiKey.create({
    data: { id: newId('key'), projectId, name, prefix: key.slice(0, 10), sha256: hashKey(key) },
  });
  return { row, key };
}

export function listKeys(
  db: Database,
  projectId: string,
  page: { limit: number; after?: string | undefined },
): Promise<ApiKey[]> {
  return db.apiKey.findMany({
    where: { projectId, ...(page.after === undefined ? {} : { id: { lt: page.after } }) },
    orderBy: { id: 'desc' },
    take: page.limit,
  });
}

/** Null where the project has no such key. Revoking twice keeps the first time. */
export async function revokeKey(
  db: Database,
  projectId: string,
  id: string,
): Promise<ApiKey | null> {
  await db.apiKey.updateMany({
    where: { id, projectId, revokedAt: null },
    data: { revokedAt: new Date() },
  });
  return db.apiKey.findFirst({ where: { id, projectId } });
}

/** The project that a person works in: the first that they became a member of. */
export async function membershipOf(
  db: Database,
  userId: string,
): Promise<{ projectId: string; role: string } | null> {
  const member = await db.member.findFirst({
    where: { userId },
    orderBy: { project: { createdAt: 'asc' } },
  });
  return member && { projectId: member.projectId, role: member.role };
}

export async function getProject(db: Database, id: string): Promise<Project | null> {
  return db.project.findUnique({ where: { id } });
}

export interface NewOwner {
  email: string;
  name: string;
  /** As the sign-in library hashes it. */
  passwordHash: string;
  projectName: string;
  keyName: string;
}

/** The installation's first account with its project and a key, made once; null where there is one already. */
export async function createOwner(
  tx: Tx,
  owner: NewOwner,
): Promise<{ projectId: string; key: string } | null> {
  // Two starts at once: the second waits here and then finds the first one's owner.
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(72707370)`;
  if ((await tx.user.count()) > 0) return null;
  const project = await tx.project.create({
    data: { id: newId('prj'), name: owner.projectName },
  });
  const user = await tx.user.create({
    data: { id: randomId(), name: owner.name, email: owner.email, emailVerified: true },
  });
  await tx.account.create({
    data: {
      id: randomId(),
      accountId: user.id,
      providerId: 'credential',
      userId: user.id,
      password: owner.passwordHash,
    },
  });
  await tx.member.create({ data: { projectId: project.id, userId: user.id, role: 'owner' } });
  const { key } = await createKey(tx, project.id, owner.keyName);
  return { projectId: project.id, key };
}

/** The installation's owner: the first account of the first project. */
export async function findOwner(db: Database): Promise<(User & { projectId: string }) | null> {
  const member = await db.member.findFirst({
    where: { role: 'owner' },
    orderBy: { project: { createdAt: 'asc' } },
    include: { user: true },
  });
  return member && { ...member.user, projectId: member.projectId };
}

/** Sets a new password and ends every session. False where there is no such account. */
export async function setPassword(tx: Tx, userId: string, passwordHash: string): Promise<boolean> {
  const { count } = await tx.account.updateMany({
    where: { userId, providerId: 'credential' },
    data: { password: passwordHash, updatedAt: new Date() },
  });
  await tx.session.deleteMany({ where: { userId } });
  return count > 0;
}

function hashKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

function randomId(): string {
  return randomBytes(16).toString('hex');
}
