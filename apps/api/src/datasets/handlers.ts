import { type DatasetPreview, datasetPreview, parseVersionedName } from '@vanda/contracts';
import {
  createIngest,
  deleteDataset,
  findDataset,
  findDatasetVersion,
  findIngest,
  inTransaction,
  listDatasets,
  listDatasetVersions,
  listIngests,
} from '@vanda/records';
import type { Deps } from '../deps.ts';
import { freeKeys } from '../free-keys.ts';
import { found } from '../http/found.ts';
import type { Handlers } from '../http/handler.ts';
import { listPage } from '../http/pages.ts';
import { presentDataset, presentIngest, presentVersion, profileOf } from './present.ts';

type DatasetHandlers = Pick<
  Handlers,
  | 'listDatasets'
  | 'getDataset'
  | 'deleteDataset'
  | 'listDatasetVersions'
  | 'getDatasetVersion'
  | 'deleteDatasetVersion'
  | 'getDatasetPreview'
  | 'createIngest'
  | 'listIngests'
  | 'getIngest'
>;

export const datasetHandlers: DatasetHandlers = {
  async listDatasets({ actor, query, deps }) {
    const { limit, after } = query;
    const rows = await listDatasets(deps.db, actor.projectId, { limit: limit + 1, after });
    return listPage(rows, limit, presentDataset, (row) => row.id);
  },

  async getDataset({ actor, params, deps }) {
    return presentDataset(await dataset(deps, actor.projectId, params.name));
  },

  async deleteDataset({ actor, params, deps }) {
    const row = await dataset(deps, actor.projectId, params.name);
    const freed = await inTransaction(deps.db, (tx) => deleteDataset(tx, row, null));
    await freeKeys(deps, freed.keys);
    return { object: 'deleted', id: row.id, freedBytes: freed.freedBytes };
  },

  async listDatasetVersions({ actor, params, query, deps }) {
    const { limit, after } = query;
    const { id } = await dataset(deps, actor.projectId, params.name);
    const rows = await listDatasetVersions(deps.db, id, { limit: limit + 1, after });
    const views = await Promise.all(rows.map((row) => presentVersion(deps, row)));
    return listPage(
      views,
      limit,
      (view) => view,
      (view) => view.id,
    );
  },

  async getDatasetVersion({ actor, params, deps }) {
    return presentVersion(deps, await version(deps, actor.projectId, params));
  },

  async deleteDatasetVersion({ actor, params, deps }) {
    const row = await version(deps, actor.projectId, params);
    const freed = await inTransaction(deps.db, (tx) =>
      deleteDataset(tx, row.dataset, params.version),
    );
    await freeKeys(deps, freed.keys);
    return { object: 'deleted', id: row.id, freedBytes: freed.freedBytes };
  },

  async getDatasetPreview({ actor, params, deps }) {
    const row = await version(deps, actor.projectId, params);
    return readPreview(deps, profileOf(row).preview.key);
  },

  async createIngest({ actor, params, body, deps, once }) {
    let outboxId: bigint | null = null;
    const view = await once(async (tx) => {
      const created = await createIngest(tx, {
        projectId: actor.projectId,
        name: params.name,
        uploads: body.uploads,
        options: body.options ?? {},
      });
      outboxId = created.outboxId;
      return presentIngest(created.ingest);
    });
    if (outboxId !== null) deps.doorbell.ring('ingest', { ingestId: view.id }, { outboxId });
    return view;
  },

  async listIngests({ actor, params, query, deps }) {
    const { limit, after } = query;
    const { id } = await dataset(deps, actor.projectId, params.name);
    const rows = await listIngests(deps.db, id, { limit: limit + 1, after });
    return listPage(rows, limit, presentIngest, (row) => row.id);
  },

  async getIngest({ actor, params, deps }) {
    const row = await findIngest(deps.db, actor.projectId, params.id);
    return presentIngest(found(row, `push ${params.id}`));
  },
};

async function dataset(deps: Deps, projectId: string, name: string) {
  return found(await findDataset(deps.db, projectId, name), `dataset ${name}`);
}

async function version(
  deps: Deps,
  projectId: string,
  { name, version: number }: { name: string; version: number },
) {
  const row = await findDatasetVersion(deps.db, projectId, name, number);
  return found(row, `dataset ${name}@${number}`);
}

/** Resolves NAME or NAME@VERSION as a spec has it. */
export async function resolveDataset(deps: Deps, projectId: string, reference: string) {
  const { name, version: number } = parseVersionedName(reference);
  return findDatasetVersion(deps.db, projectId, name, number);
}

/** A preview is some dozens of rows or thumbnails; ingest bounds it. */
async function readPreview(deps: Deps, key: string): Promise<DatasetPreview> {
  const { stream } = await deps.objects.get(key);
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return datasetPreview.parse(JSON.parse(Buffer.concat(chunks).toString('utf8')));
}
