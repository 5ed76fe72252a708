import {
  deleteModel,
  findModel,
  findModelVersion,
  inTransaction,
  listModels,
  listModelVersions,
  objectOf,
} from '@vanda/records';
import type { Deps } from '../deps.ts';
import { freeKeys } from '../free-keys.ts';
import { found } from '../http/found.ts';
import type { Handlers } from '../http/handler.ts';
import { listPage } from '../http/pages.ts';
import { describeBase } from './base-models.ts';
import { compareVersions } from './compare-versions.ts';
import { presentModel, presentModelVersions } from './present.ts';

const downloadForS = 15 * 60;

type ModelHandlers = Pick<
  Handlers,
  | 'listModels'
  | 'getModel'
  | 'listModelVersions'
  | 'getModelVersion'
  | 'getModelLayers'
  | 'compareModelVersions'
  | 'downloadModelVersion'
  | 'deleteModel'
  | 'deleteModelVersion'
>;

export const modelHandlers: ModelHandlers = {
  async listModels({ actor, query, deps }) {
    const { limit, after } = query;
    const rows = await listModels(deps.db, actor.projectId, { limit: limit + 1, after });
    const latest = await presentModelVersions(
      deps,
      rows.flatMap((row) => row.versions),
    );
    return listPage(
      rows,
      limit,
      (row) => presentModel(row, latest),
      (row) => row.id,
    );
  },

  async getModel({ actor, params, deps }) {
    const row = await model(deps, actor.projectId, params.name);
    return presentModel(row, await presentModelVersions(deps, row.versions));
  },

  async listModelVersions({ actor, params, query, deps }) {
    const { limit, after } = query;
    const { id } = await model(deps, actor.projectId, params.name);
    const rows = await listModelVersions(deps.db, id, { limit: limit + 1, after });
    const views = await presentModelVersions(deps, rows);
    return listPage(
      views,
      limit,
      (view) => view,
      (view) => view.id,
    );
  },

  async getModelVersion({ actor, params, deps }) {
    const row = await modelVersion(deps, actor.projectId, params.name, params.version);
    const [view] = await presentModelVersions(deps, [row]);
    return found(view, `model ${params.name}@${params.version}`);
  },

  async getModelLayers({ actor, params, deps }) {
    const row = await modelVersion(deps, actor.projectId, params.name, params.version);
    const { name: _, ...base } = await describeBase(deps, row);
    return { object: 'layers', model: row.model.name, version: row.version, ...base };
  },

  async compareModelVersions({ actor, params, query, deps }) {
    const first = await modelVersion(deps, actor.projectId, params.name, params.version);
    const second = await modelVersion(deps, actor.projectId, params.name, params.other);
    return compareVersions(deps, first, second, query);
  },

  async downloadModelVersion({ actor, params, deps }) {
    const row = await modelVersion(deps, actor.projectId, params.name, params.version);
    const key = await objectOf(deps.db, { kind: 'model-version', id: row.id }, 'archive');
    return deps.objects.signGet(found(key, `archive of ${params.name}@${params.version}`), {
      expiresInS: downloadForS,
      filename: `${params.name}-${params.version}.vanda`,
      contentType: 'application/zip',
    });
  },

  async deleteModel({ actor, params, deps }) {
    const row = await model(deps, actor.projectId, params.name);
    const freed = await inTransaction(deps.db, (tx) => deleteModel(tx, row, null));
    await freeKeys(deps, freed.keys);
    return { object: 'deleted', id: row.id, freedBytes: freed.freedBytes };
  },

  async deleteModelVersion({ actor, params, deps }) {
    const row = await modelVersion(deps, actor.projectId, params.name, params.version);
    const freed = await inTransaction(deps.db, (tx) => deleteModel(tx, row.model, params.version));
    await freeKeys(deps, freed.keys);
    return { object: 'deleted', id: row.id, freedBytes: freed.freedBytes };
  },
};

async function model(deps: Deps, projectId: string, name: string) {
  return found(await findModel(deps.db, projectId, name), `model ${name}`);
}

async function modelVersion(deps: Deps, projectId: string, name: string, version: number) {
  const row = await findModelVersion(deps.db, projectId, name, version);
  return found(row, `model ${name}@${version}`);
}
