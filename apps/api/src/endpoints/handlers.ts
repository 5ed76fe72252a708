import { parseVersionedName, VandaError } from '@vanda/contracts';
import {
  createEndpoint,
  deleteEndpoint,
  deployVersion,
  findEndpoint,
  findModelVersion,
  inTransaction,
  listEndpoints,
  listLedger,
  rollbackTarget,
  type Target,
  type Tx,
} from '@vanda/records';
import type { Deps } from '../deps.ts';
import { found } from '../http/found.ts';
import type { Handlers } from '../http/handler.ts';
import { listPage } from '../http/pages.ts';
import { forwardPrediction } from './forward-prediction.ts';
import { presentEndpoint, presentEntry } from './present.ts';
import { untilServed } from './until-served.ts';

type EndpointHandlers = Pick<
  Handlers,
  | 'createEndpoint'
  | 'listEndpoints'
  | 'getEndpoint'
  | 'getLedger'
  | 'deployEndpoint'
  | 'rollbackEndpoint'
  | 'deleteEndpoint'
  | 'predictEndpoint'
>;

export const endpointHandlers: EndpointHandlers = {
  async createEndpoint({ actor, body, deps, once, signal }) {
    const { projectId } = actor;
    const view = await once(async (tx) => {
      const target = await resolve(tx, projectId, body.model);
      await createEndpoint(tx, { projectId, name: body.name, target, actor: actor.name });
      const row = found(await findEndpoint(tx, projectId, body.name), `endpoint ${body.name}`);
      return presentEndpoint(row, deps.config.inferenceUrl);
    });
    await untilServed(deps, view.id, 1, signal);
    const row = await findEndpoint(deps.db, projectId, body.name);
    return row === null ? view : presentEndpoint(row, deps.config.inferenceUrl);
  },

  async listEndpoints({ actor, query, deps }) {
    const { limit, after } = query;
    const rows = await listEndpoints(deps.db, actor.projectId, { limit: limit + 1, after });
    const { inferenceUrl } = deps.config;
    return listPage(
      rows,
      limit,
      (row) => presentEndpoint(row, inferenceUrl),
      (row) => row.id,
    );
  },

  async getEndpoint({ actor, params, deps }) {
    const row = await endpoint(deps, actor.projectId, params.name);
    return presentEndpoint(row, deps.config.inferenceUrl);
  },

  async getLedger({ actor, params, query, deps }) {
    const { limit, after } = query;
    const { id } = await endpoint(deps, actor.projectId, params.name);
    const rows = await listLedger(deps.db, id, { limit: limit + 1, after });
    return listPage(rows, limit, presentEntry, (row) => String(row.seq));
  },

  async deployEndpoint({ actor, params, body, deps, signal }) {
    const row = await endpoint(deps, actor.projectId, params.name);
    const { id, seq } = await inTransaction(deps.db, async (tx) => {
      const target = await resolve(tx, actor.projectId, body.model);
      return deployVersion(tx, row, 'deploy', target, actor.name);
    });
    await untilServed(deps, id, seq, signal);
    const now = await endpoint(deps, actor.projectId, params.name);
    return presentEndpoint(now, deps.config.inferenceUrl);
  },

  async rollbackEndpoint({ actor, params, body, deps, signal }) {
    const row = await endpoint(deps, actor.projectId, params.name);
    const { id, seq } = await inTransaction(deps.db, async (tx) => {
      // Locked first: two rollbacks at once go back two versions, not twice to the same.
      await tx.$queryRaw`SELECT id FROM endpoints WHERE id = ${row.id} FOR UPDATE`;
      const target = await rollbackTarget(tx, row, body?.to);
      return deployVersion(tx, row, 'rollback', target, actor.name);
    });
    await untilServed(deps, id, seq, signal);
    const now = await endpoint(deps, actor.projectId, params.name);
    return presentEndpoint(now, deps.config.inferenceUrl);
  },

  async deleteEndpoint({ actor, params, deps }) {
    const row = await endpoint(deps, actor.projectId, params.name);
    await inTransaction(deps.db, (tx) => deleteEndpoint(tx, row, actor.name));
    // What it served stays a model version: nothing is freed.
    return { object: 'deleted', id: row.id, freedBytes: 0 };
  },

  async predictEndpoint({ actor, params, body, deps, signal }) {
    const row = await endpoint(deps, actor.projectId, params.name);
    const { name, projectId } = row;
    return forwardPrediction(deps, { projectId, subject: `endpoint/${name}` }, body, signal);
  },
};

async function endpoint(deps: Deps, projectId: string, name: string) {
  return found(await findEndpoint(deps.db, projectId, name), `endpoint ${name}`);
}

/** NAME@VERSION, or NAME for the highest version, as what an endpoint can serve. */
async function resolve(tx: Tx, projectId: string, reference: string): Promise<Target> {
  const { name, version } = parseVersionedName(reference);
  const row = await findModelVersion(tx, projectId, name, version);
  if (row !== null) return { id: row.id, version: row.version, modelId: row.modelId };
  const message = `There is no model ${reference}.`;
  throw new VandaError('not-found', message, [{ pointer: '/model', message }]);
}
