import { createHash } from 'node:crypto';
import { keyPrefixes, type ObjectStore } from '@vanda/objects';
import type { AuditCheck, AuditContext } from '../audit.ts';

interface ObjectRow {
  key: string;
  sha256: string;
  bytes: string;
  refs: number;
}

type Finding = { subject: string; message: string };

/** Bytes may be there before their row, and for a while after it: this long at the most. */
const strayMs = 60 * 60 * 1000;

/** Every row has its object, of that size and SHA-256; no object is without a row for long. */
export const checkObjects: AuditCheck = async (context) => {
  const rows = await context.rows<ObjectRow>(`
    SELECT o.key, o.sha256, o.bytes, count(r.owner_id)::int AS refs
    FROM objects o LEFT JOIN object_refs r ON r.object_key = o.key GROUP BY o.key ORDER BY o.key`);
  const findings: Finding[] = [];
  for (const row of rows) {
    if (row.refs === 0) findings.push({ subject: row.key, message: 'nothing names this object.' });
    const wrong = await compare(context.store, row);
    if (wrong && (await hasRow(context, row.key)))
      findings.push({ subject: row.key, message: wrong });
  }
  return [...findings, ...(await strays(context, new Set(rows.map((row) => row.key))))];
};

async function compare(store: ObjectStore, row: ObjectRow): Promise<string | null> {
  const head = await store.head(row.key);
  if (!head) return 'the row has no object in the store.';
  if (head.size !== Number(row.bytes)) {
    return `the row says ${row.bytes} bytes, the store has ${head.size}.`;
  }
  const hash = createHash('sha256');
  const { stream } = await store.get(row.key);
  for await (const chunk of stream) hash.update(chunk as Uint8Array);
  const sha256 = hash.digest('hex');
  return sha256 === row.sha256
    ? null
    : `the row says SHA-256 ${row.sha256}, the bytes have ${sha256}.`;
}

async function strays(context: AuditContext, known: Set<string>): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const prefix of keyPrefixes) {
    for await (const { key, modifiedAt } of context.store.list(prefix)) {
      const ageMs = Date.now() - modifiedAt.getTime();
      if (known.has(key) || ageMs < strayMs || (await stillNamed(context, key))) continue;
      const hours = Math.floor(ageMs / 3_600_000);
      findings.push({
        subject: key,
        message: `the store has an object without a row, ${hours} h old.`,
      });
    }
  }
  return findings;
}

async function hasRow({ rowsNow }: AuditContext, key: string): Promise<boolean> {
  return (await rowsNow('SELECT 1 FROM objects WHERE key = $1', [key])).length > 0;
}

/** By its row, or by an upload that no push has taken yet: that one keeps the bytes until it expires. */
async function stillNamed(context: AuditContext, key: string): Promise<boolean> {
  const waiting = await context.rowsNow(
    `SELECT 1 FROM uploads WHERE object_key = $1 AND state IN ('open', 'completed')`,
    [key],
  );
  return waiting.length > 0 || (await hasRow(context, key));
}
