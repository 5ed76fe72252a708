import type { ObjectStore } from '@vanda/objects';
import pg from 'pg';
import { checkEnds } from './checks/ends.ts';
import { checkHistory } from './checks/history.ts';
import { checkLeases } from './checks/leases.ts';
import { checkLedger } from './checks/ledger.ts';
import { checkMetrics } from './checks/metrics.ts';
import { checkModels } from './checks/models.ts';
import { checkObjects } from './checks/objects.ts';
import { checkPreviews } from './checks/previews.ts';

/** Something that must hold and does not. */
export interface AuditFinding {
  check: string;
  /** The id or key that it is about. */
  subject: string;
  message: string;
}

/** What a check works on: one snapshot of the database, and the store. */
export interface AuditContext {
  /** Rows of one query, all of the same moment. */
  rows<T>(sql: string, values?: unknown[]): Promise<T[]>;
  /** Rows of now, past the snapshot: bytes may have been freed since it was taken. */
  rowsNow<T>(sql: string, values?: unknown[]): Promise<T[]>;
  store: ObjectStore;
}

export type AuditCheck = (context: AuditContext) => Promise<Omit<AuditFinding, 'check'>[]>;

const always: Record<string, AuditCheck> = {
  leases: checkLeases,
  previews: checkPreviews,
  history: checkHistory,
  models: checkModels,
  objects: checkObjects,
  metrics: checkMetrics,
  ledger: checkLedger,
};

export interface AuditOptions {
  databaseUrl: string;
  store: ObjectStore;
  /** Also that every acknowledged job has reached an end and no outbox row waits. */
  drained?: boolean;
}

export interface AuditReport {
  checks: string[];
  findings: AuditFinding[];
}

/** Checks what must always hold, by SQL and the object store alone. Changes nothing. */
export async function audit({ databaseUrl, store, drained }: AuditOptions): Promise<AuditReport> {
  const snapshot = new pg.Client({ connectionString: databaseUrl });
  const now = new pg.Client({ connectionString: databaseUrl });
  const checks = drained ? { ...always, ends: checkEnds } : always;
  const findings: AuditFinding[] = [];
  await Promise.all([snapshot.connect(), now.connect()]);
  try {
    // One moment for all checks: a running installation changes while it is looked at.
    await snapshot.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const context: AuditContext = {
      rows: async (sql, values) => (await snapshot.query(sql, values)).rows,
      rowsNow: async (sql, values) => (await now.query(sql, values)).rows,
      store,
    };
    for (const [name, check] of Object.entries(checks)) {
      const found = await check(context);
      findings.push(...found.map((finding) => ({ check: name, ...finding })));
    }
    await snapshot.query('COMMIT');
  } finally {
    await Promise.all([snapshot.end(), now.end()]);
  }
  return { checks: Object.keys(checks), findings };
}
