import type { CompletedSpec, ModelVersionView, ModelView } from '@vanda/contracts';
import {
  endpointsServing,
  type ModelDetails,
  type ModelVersionDetails,
  objectsOfVersions,
} from '@vanda/records';
import type { Deps } from '../deps.ts';

const predictionsForS = 60 * 60;

/** What is beside the rows is read once for all of them. */
export async function presentModelVersions(
  deps: Deps,
  rows: ModelVersionDetails[],
): Promise<ModelVersionView[]> {
  const ids = rows.map((row) => row.id);
  const serving = await endpointsServing(deps.db, ids);
  const predictions = await objectsOfVersions(deps.db, ids, 'predictions');
  return Promise.all(
    rows.map(async (row) => {
      const name = `${row.model.name}-${row.version}`;
      const url = await predictionsUrl(deps, predictions.get(row.id), name);
      return presentModelVersion(row, serving.get(row.id) ?? [], url);
    }),
  );
}

export async function predictionsUrl(
  deps: Deps,
  key: string | undefined,
  name: string,
): Promise<string | null> {
  if (key === undefined) return null;
  return deps.objects.signGet(key, {
    expiresInS: predictionsForS,
    filename: `${name}-predictions.parquet`,
    contentType: 'application/vnd.apache.parquet',
  });
}

function presentModelVersion(
  row: ModelVersionDetails,
  endpoints: string[],
  predictions: string | null,
): ModelVersionView {
  const { datasetVersion: data } = row;
  return {
    object: 'model-version',
    id: row.id,
    model: row.model.name,
    version: row.version,
    task: row.model.task as ModelVersionView['task'],
    jobId: row.jobId,
    dataset: data && {
      name: data.dataset.name,
      version: data.version,
      contentHash: data.contentHash,
    },
    base: row.spec === null ? null : baseOf(row.spec),
    spec: row.spec as Record<string, unknown> | null,
    source: row.source as ModelVersionView['source'],
    engineVersion: row.engineVersion,
    signature: row.signature as ModelVersionView['signature'],
    metrics: row.metrics as ModelVersionView['metrics'],
    bytes: Number(row.bytes),
    predictions,
    endpoints,
    createdAt: row.createdAt.toISOString(),
  };
}

/** What a completed spec builds on, as NAME@VERSION; null for a network of its own. */
export function baseOf(spec: unknown): string | null {
  return (spec as Partial<Pick<CompletedSpec, 'model'>> | null)?.model?.kind === 'retrain'
    ? (spec as { model: { base: string } }).model.base
    : null;
}

/** @param latest the views of the latest versions of this model and others */
export function presentModel(row: ModelDetails, latest: ModelVersionView[]): ModelView {
  const newest = latest.find((view) => view.id === row.versions[0]?.id);
  return {
    object: 'model',
    id: row.id,
    name: row.name,
    task: row.task as ModelView['task'],
    latestVersion: newest?.version ?? 0,
    versions: row._count.versions,
    latest: newest ?? null,
    endpoints: row.endpoints.map((endpoint) => endpoint.name),
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}
