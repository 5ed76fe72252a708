import type { ModelVersionView, ModelView } from '@vanda/contracts';
import type { ModelDetails, ModelVersionDetails } from '@vanda/records';

/** @param serving the endpoints that serve each version now, by version id */
export function presentModelVersion(
  row: ModelVersionDetails,
  serving: Map<string, string[]>,
): ModelVersionView {
  const { datasetVersion: data } = row;
  return {
    object: 'model-version',
    id: row.id,
    model: row.model.name,
    version: row.version,
    task: row.model.task as ModelVersionView['task'],
    jobId: row.jobId,
    dataset: { name: data.dataset.name, version: data.version, contentHash: data.contentHash },
    spec: row.spec as Record<string, unknown>,
    engineVersion: row.engineVersion,
    signature: row.signature as ModelVersionView['signature'],
    metrics: row.metrics as ModelVersionView['metrics'],
    bytes: Number(row.bytes),
    endpoints: serving.get(row.id) ?? [],
    createdAt: row.createdAt.toISOString(),
  };
}

export function presentModel(row: ModelDetails, serving: Map<string, string[]>): ModelView {
  const latest = row.versions[0];
  return {
    object: 'model',
    id: row.id,
    name: row.name,
    task: row.task as ModelView['task'],
    latestVersion: latest?.version ?? 0,
    versions: row._count.versions,
    latest: latest === undefined ? null : presentModelVersion(latest, serving),
    endpoints: row.endpoints.map((endpoint) => endpoint.name),
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}
