import type { JobLog, MetricPoint } from '@vanda/contracts';
import type { Database, Tx } from './database.ts';

/** How far a reader of a job's live telemetry has got: for each attempt number, the last batches that it has seen. */
export type LiveCursor = Map<number, { metrics: number; logs: number }>;

export interface NewPoints {
  attempt: number;
  points: MetricPoint[];
  produced: number;
  received: number;
}

const batchesMax = 200;

/** What was read behind a cursor, which moved on; `more` where there is more to read at once. */
export interface Behind<T> {
  news: T[];
  more: boolean;
}

/** Metric batches behind the cursor, one entry an attempt. */
export async function pointsBehind(
  db: Database,
  jobId: string,
  cursor: LiveCursor,
): Promise<Behind<NewPoints>> {
  const [numbers, seqs] = columns(cursor, 'metrics');
  const rows = await db.$queryRaw<{ attempt: number; seq: number; points: MetricPoint[] }[]>`
    SELECT a.number AS attempt, b.seq, b.points
    FROM metric_batches b JOIN attempts a ON a.id = b.attempt_id
      LEFT JOIN unnest(${numbers}::int[], ${seqs}::int[]) AS seen (number, seq) ON seen.number = a.number
    WHERE a.job_id = ${jobId} AND (seen.seq IS NULL OR b.seq > seen.seq)
    ORDER BY a.number, b.seq LIMIT ${batchesMax}`;
  if (rows.length === 0) return { news: [], more: false };
  const counts = await db.$queryRaw<{ attempt: number; produced: number; received: number }[]>`
    SELECT a.number AS attempt, GREATEST(a.produced, COALESCE(sum(b.count), 0))::int AS produced,
      COALESCE(sum(b.count), 0)::int AS received
    FROM attempts a LEFT JOIN metric_batches b ON b.attempt_id = a.id
    WHERE a.job_id = ${jobId} GROUP BY a.id`;
  const byAttempt = Map.groupBy(rows, (row) => row.attempt);
  const news = [...byAttempt].map(([attempt, batches]) => {
    moveOn(cursor, attempt, 'metrics', batches.at(-1)?.seq ?? -1);
    const count = counts.find((row) => row.attempt === attempt);
    return {
      attempt,
      points: batches.flatMap((batch) => batch.points),
      produced: count?.produced ?? 0,
      received: count?.received ?? 0,
    };
  });
  return { news, more: rows.length === batchesMax };
}

/** Log lines behind the cursor. */
export async function linesBehind(
  db: Database,
  jobId: string,
  cursor: LiveCursor,
): Promise<Behind<JobLog>> {
  const [numbers, seqs] = columns(cursor, 'logs');
  const rows = await db.$queryRaw<{ attempt: number; seq: number; lines: JobLog[] }[]>`
    SELECT a.number AS attempt, b.seq, b.lines
    FROM log_batches b JOIN attempts a ON a.id = b.attempt_id
      LEFT JOIN unnest(${numbers}::int[], ${seqs}::int[]) AS seen (number, seq) ON seen.number = a.number
    WHERE a.job_id = ${jobId} AND (seen.seq IS NULL OR b.seq > seen.seq)
    ORDER BY a.number, b.seq LIMIT ${batchesMax}`;
  for (const { attempt, seq } of rows) moveOn(cursor, attempt, 'logs', seq);
  const news = rows.flatMap(({ attempt, seq, lines }) =>
    lines.map(({ at, level, text }) => ({ attempt, seq, at, level, text })),
  );
  return { news, more: rows.length === batchesMax };
}

/** Which of these model versions an endpoint was told to serve, by the endpoint's name, while it lives. */
export async function deployedBy(
  db: Database | Tx,
  versionIds: string[],
): Promise<{ versionId: string; endpoint: string }[]> {
  return db.$queryRaw`
    SELECT DISTINCT l.model_version_id AS "versionId", e.name AS endpoint
    FROM ledger l JOIN endpoints e ON e.id = l.endpoint_id
    WHERE l.model_version_id = ANY(${versionIds}) AND e.deleted_at IS NULL`;
}

/** The splits objects of these jobs, by job. */
export async function splitsOf(db: Database | Tx, jobIds: string[]): Promise<Map<string, string>> {
  const refs = await db.objectRef.findMany({
    where: { ownerKind: 'job', ownerId: { in: jobIds }, role: 'splits' },
  });
  return new Map(refs.map((ref) => [ref.ownerId, ref.objectKey]));
}

/** Keeps a dataset version from being deleted until the transaction ends; false where it is gone. */
export async function holdDatasetVersion(tx: Tx, versionId: string): Promise<boolean> {
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM dataset_versions WHERE id = ${versionId} AND deleted_at IS NULL FOR SHARE`;
  return rows.length > 0;
}

type Stream = 'metrics' | 'logs';

function columns(cursor: LiveCursor, stream: Stream): [number[], number[]] {
  return [[...cursor.keys()], [...cursor.values()].map((seen) => seen[stream])];
}

function moveOn(cursor: LiveCursor, attempt: number, stream: Stream, seq: number): void {
  const seen = cursor.get(attempt) ?? { metrics: -1, logs: -1 };
  cursor.set(attempt, { ...seen, [stream]: seq });
}
