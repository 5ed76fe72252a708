import type { Database } from './database.ts';
import type { Prisma } from './generated/client.ts';

export interface ServedFile {
  key: string;
  sha256: string;
  bytes: number;
}
/** What an inference server loads: the files of a model version, or of a preview, by its id. */
export interface Servable {
  id: string;
  /** model.json; null where the row has lost its objects. */
  graph: ServedFile | null;
  weights: ServedFile | null;
}
export interface ServedVersion extends Servable {
  version: number;
  /** Of the endpoint's traffic. */
  percent: number;
}
/** What the ledger says that an inference server has to serve. */
export interface ServedEndpoint {
  id: string;
  name: string;
  projectId: string;
  model: string;
  seq: number;
  versions: ServedVersion[];
}

interface Row {
  id: string;
  name: string;
  project_id: string;
  model: string;
  seq: number;
  version_id: string;
  version: number;
  percent: number;
  role: string | null;
  key: string | null;
  sha256: string | null;
  bytes: bigint | null;
}

/** Every endpoint that is not deleted, as its ledger entry in force has it, in one statement and so of one moment. */
export async function listServedEndpoints(db: Database): Promise<ServedEndpoint[]> {
  const rows = await db.$queryRaw<Row[]>`
    SELECT e.id, e.name, e.project_id, m.name AS model, e.seq,
      v.id AS version_id, v.version, t.percent, r.role, o.key, o.sha256, o.bytes
    FROM endpoints e
    JOIN models m ON m.id = e.model_id
    JOIN ledger l ON l.endpoint_id = e.id AND l.seq = e.seq
    CROSS JOIN LATERAL jsonb_to_recordset(l.traffic) AS t(version int, percent float8)
    JOIN model_versions v ON v.model_id = e.model_id AND v.version = t.version
    LEFT JOIN object_refs r ON r.owner_kind = 'model-version' AND r.owner_id = v.id
      AND r.role IN ('graph', 'weights')
    LEFT JOIN objects o ON o.key = r.object_key
    WHERE e.deleted_at IS NULL
    ORDER BY e.id, v.version`;
  const endpoints = new Map<string, ServedEndpoint>();
  for (const row of rows) {
    const { id, name, project_id: projectId, model, seq } = row;
    const endpoint = endpoints.get(id) ?? { id, name, projectId, model, seq, versions: [] };
    endpoints.set(id, endpoint);
    let version = endpoint.versions.find((known) => known.id === row.version_id);
    if (version === undefined) {
      version = {
        id: row.version_id,
        version: row.version,
        percent: row.percent,
        graph: null,
        weights: null,
      };
      endpoint.versions.push(version);
    }
    if (row.key !== null && row.sha256 !== null) {
      const file = { key: row.key, sha256: row.sha256, bytes: Number(row.bytes) };
      if (row.role === 'graph') version.graph = file;
      if (row.role === 'weights') version.weights = file;
    }
  }
  return [...endpoints.values()];
}

export type ServingState = 'loading' | 'ready' | 'failed';
/** Since the server's start. */
export interface ServingTraffic {
  requests: number;
  errors: number;
  /** Requests a second, over the last seconds. */
  rate: number;
  p50Ms: number | null;
  p99Ms: number | null;
}
export interface ServingReport {
  endpointId: string;
  seq: number;
  state: ServingState;
  error: string | null;
  traffic: ServingTraffic;
}

/** Says what this server has made of an endpoint's ledger. An endpoint that is gone meanwhile is no error. */
export async function reportServing(
  db: Database,
  workerId: string,
  report: ServingReport,
): Promise<void> {
  const { endpointId, seq, state, error } = report;
  const traffic = { ...report.traffic } satisfies Prisma.InputJsonObject;
  await db.$executeRaw`
    INSERT INTO endpoint_serving (endpoint_id, worker_id, seq, state, error, traffic, updated_at)
    SELECT ${endpointId}, ${workerId}, ${seq}, ${state}, ${error}, ${traffic}::jsonb, now()
    WHERE EXISTS (SELECT 1 FROM endpoints WHERE id = ${endpointId})
    ON CONFLICT (endpoint_id, worker_id) DO UPDATE
    SET seq = EXCLUDED.seq, state = EXCLUDED.state, error = EXCLUDED.error,
      traffic = EXCLUDED.traffic, updated_at = now()`;
}

/** A server that stops, or an endpoint that it serves no more, leaves nothing behind. */
export async function withdrawServing(
  db: Database,
  workerId: string,
  endpointId?: string,
): Promise<void> {
  await db.endpointServing.deleteMany({
    where: { workerId, ...(endpointId === undefined ? {} : { endpointId }) },
  });
}
