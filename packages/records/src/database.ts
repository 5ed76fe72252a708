import { PrismaPg } from '@prisma/adapter-pg';
import { Prisma, PrismaClient } from './generated/client.ts';

export type Database = PrismaClient;
/** What queries take: the client, or the transaction they are part of. */
export type Tx = Prisma.TransactionClient;
export { Prisma };

export interface DatabaseOptions {
  /** Connections in the pool; each process of Vanda keeps few. */
  connectionsMax?: number;
}

export function openDatabase(connectionString: string, options: DatabaseOptions = {}): Database {
  const adapter = new PrismaPg({
    connectionString,
    max: options.connectionsMax ?? 10,
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
  });
  return new PrismaClient({ adapter });
}

/** One transaction; `timeoutMs` bounds it, so that a dead peer cannot hold locks for ever. */
export function inTransaction<T>(
  db: Database,
  work: (tx: Tx) => Promise<T>,
  timeoutMs = 15_000,
): Promise<T> {
  return db.$transaction(work, { timeout: timeoutMs, maxWait: 10_000 });
}

/** Wakes every process that listens on `channel`; sent when the transaction commits. */
export async function notify(tx: Tx, channel: Channel, payload: string): Promise<void> {
  await tx.$executeRaw`SELECT pg_notify(${channel}, ${payload})`;
}

/** The channels of LISTEN / NOTIFY. Like queues they are doorbells: whoever listens also polls. */
export type Channel = 'vanda_history' | 'vanda_telemetry' | 'vanda_cancel' | 'vanda_endpoints';
