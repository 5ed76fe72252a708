import type { JobLog, LogLine, MetricPoint, MetricSeries } from '@vanda/contracts';
import type { Database, Tx } from './database.ts';
import { thinCurve } from './thin-curve.ts';

/**
 * Metric and log batches are append-only and keyed (attempt, seq): storing one again changes nothing, and they are
 * accepted late, from an attempt that has ended, since what a dead attempt measured is still true.
 */
export async function storeMetricBatch(
  db: Database,
  batch: { jobId: string; attemptId: string; seq: number; points: MetricPoint[] },
): Promise<void> {
  const { jobId, attemptId, seq, points } = batch;
  await db.$executeRaw`
    WITH stored AS (
      INSERT INTO metric_batches (attempt_id, seq, points, count)
      VALUES (${attemptId}, ${seq}, ${JSON.stringify(points)}::jsonb, ${points.length})
      ON CONFLICT DO NOTHING RETURNING count
    )
    SELECT pg_notify('vanda_telemetry', ${jobId}) FROM stored`;
}

export async function storeLogBatch(
  db: Database,
  batch: { jobId: string; attemptId: string; seq: number; lines: LogLine[] },
): Promise<void> {
  const { jobId, attemptId, seq, lines } = batch;
  await db.$executeRaw`
    WITH stored AS (
      INSERT INTO log_batches (attempt_id, seq, lines)
      VALUES (${attemptId}, ${seq}, ${JSON.stringify(lines)}::jsonb)
      ON CONFLICT DO NOTHING RETURNING seq
    )
    SELECT pg_notify('vanda_telemetry', ${jobId}) FROM stored`;
}

/** What the worker says it made; never less than it said before. Needs no lease, like the batches themselves. */
export async function notePointsProduced(
  db: Database,
  attemptId: string,
  produced: number,
): Promise<void> {
  await db.$executeRaw`
    UPDATE attempts SET produced = GREATEST(produced, ${produced}) WHERE id = ${attemptId}`;
}

/**
 * The curves of a job: for each series and step the newest attempt that has it, as columns, each thinned out to at
 * most `pointsMax` (the first and the last point stay).
 */
export async function readSeries(
  tx: Tx,
  jobId: string,
  pointsMax: number,
): Promise<Omit<MetricSeries, 'object'>> {
  const counts = await tx.$queryRaw<{ produced: number; received: number }[]>`
    SELECT GREATEST(a.produced, b.received)::int AS produced, b.received FROM attempts a,
      LATERAL (SELECT COALESCE(sum(count), 0)::int AS received
        FROM metric_batches WHERE attempt_id = a.id) b
    WHERE a.job_id = ${jobId}`;
  const curves = new Map<string, Map<number, [number, number | null]>>();
  const arrived = await tx.$queryRaw<{ points: MetricPoint[] }[]>`
    SELECT b.points FROM metric_batches b JOIN attempts a ON a.id = b.attempt_id
    WHERE a.job_id = ${jobId} ORDER BY a.number, b.seq`;
  for (const [step, epoch, name, value] of arrived.flatMap((batch) => batch.points)) {
    const curve = curves.get(name) ?? new Map<number, [number, number | null]>();
    curve.set(step, [epoch, value]);
    curves.set(name, curve);
  }
  const series: MetricSeries['series'] = {};
  for (const [name, curve] of curves) {
    const ordered = [...curve].sort((a, b) => a[0] - b[0]);
    const thin = thinCurve(ordered, pointsMax);
    series[name] = {
      steps: thin.map(([step]) => step),
      epochs: thin.map(([, [epoch]]) => epoch),
      values: thin.map(([, [, value]]) => value),
    };
  }
  const total = (column: 'produced' | 'received') =>
    counts.reduce((sum, row) => sum + row[column], 0);
  return { jobId, produced: total('produced'), received: total('received'), series };
}

/** Log lines oldest first; `id` is what a later page continues after. */
export async function readLogs(
  tx: Tx,
  jobId: string,
  page: { limit: number; after?: string | undefined },
): Promise<(JobLog & { id: string })[]> {
  const [attempt = 0, seq = 0, index = -1] = (page.after ?? '').split('.').map(Number);
  const rows = await tx.$queryRaw<({ index: number } & JobLog)[]>`
    SELECT a.number AS attempt, b.seq, (line.place - 1)::int AS index, line.value ->> 'at' AS at,
      line.value ->> 'level' AS level, line.value ->> 'text' AS text
    FROM log_batches b JOIN attempts a ON a.id = b.attempt_id,
      jsonb_array_elements(b.lines) WITH ORDINALITY AS line (value, place)
    WHERE a.job_id = ${jobId}
      AND (a.number, b.seq, line.place - 1) > (${attempt || 0}, ${seq || 0}, ${Number.isNaN(index) ? -1 : index}::bigint)
    ORDER BY a.number, b.seq, line.place LIMIT ${page.limit}`;
  return rows.map(({ index: place, ...line }) => ({
    id: `${line.attempt}.${line.seq}.${place}`,
    ...line,
  }));
}
