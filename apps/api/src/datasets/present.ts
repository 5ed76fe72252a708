import type {
  Dataset,
  DatasetProfile,
  DatasetVersion,
  Failure,
  Ingest,
  Receipt,
} from '@vanda/contracts';
import {
  type DatasetDetails,
  type DatasetVersionDetails,
  type IngestDetails,
  rejectedObjectOf,
} from '@vanda/records';
import type { Deps } from '../deps.ts';

export function presentDataset(row: DatasetDetails): Dataset {
  const latest = row.versions[0];
  return {
    object: 'dataset',
    id: row.id,
    name: row.name,
    kind: row.kind as Dataset['kind'],
    latestVersion: latest?.version ?? 0,
    versions: row.versions.length,
    items: latest?.items ?? 0,
    bytes: row.versions.reduce((sum, version) => sum + Number(version.bytes), 0),
    ingesting: row.ingests.length > 0,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

export async function presentVersion(
  deps: Deps,
  row: DatasetVersionDetails,
): Promise<DatasetVersion> {
  const rejected = row.rejected > 0 ? await rejectedObjectOf(deps.db, row) : null;
  return {
    object: 'dataset-version',
    id: row.id,
    dataset: row.dataset.name,
    version: row.version,
    kind: row.kind as DatasetVersion['kind'],
    contentHash: row.contentHash,
    items: row.items,
    rejected: row.rejected,
    bytes: Number(row.bytes),
    profile: profileOf(row),
    receipt: (row.ingests[0]?.receipt ?? null) as Receipt | null,
    rejectedUrl:
      rejected &&
      (await deps.objects.signGet(rejected, {
        expiresInS: 3600,
        filename: `${row.dataset.name}-${row.version}-rejected.jsonl`,
        contentType: 'application/x-ndjson',
      })),
    usedBy: row.jobs.map((job) => ({ jobId: job.id, model: job.name, state: job.state })),
    createdAt: row.createdAt.toISOString(),
  };
}

export function presentIngest(row: IngestDetails): Ingest {
  return {
    object: 'ingest',
    id: row.id,
    dataset: row.dataset.name,
    state: row.state as Ingest['state'],
    progress: row.progress as Ingest['progress'],
    receipt: row.receipt as Receipt | null,
    version: row.version?.version ?? null,
    reused: row.reused,
    failure: presentFailure(row),
    createdAt: row.createdAt.toISOString(),
    startedAt: row.startedAt?.toISOString() ?? null,
    finishedAt: row.finishedAt?.toISOString() ?? null,
  };
}

/** Jobs, attempts and ingests keep their failures in the same three columns. */
export function presentFailure(row: {
  failureKind: string | null;
  failureCode: string | null;
  failureMessage: string | null;
}): Failure | null {
  if (row.failureKind === null) return null;
  return {
    kind: row.failureKind as Failure['kind'],
    code: (row.failureCode ?? 'internal') as Failure['code'],
    message: row.failureMessage ?? '',
  };
}

export function profileOf(row: { profile: unknown }): DatasetProfile {
  return row.profile as DatasetProfile;
}
