import type { ApiKeyView } from '@vanda/contracts';
import { createKey, getProject, listKeys, revokeKey } from '@vanda/records';
import { found } from '../http/found.ts';
import type { Handlers } from '../http/handler.ts';
import { listPage } from '../http/pages.ts';
import { version } from '../version.ts';

type KeyRow = Awaited<ReturnType<typeof listKeys>>[number];

function present(row: KeyRow): ApiKeyView {
  return {
    object: 'api-key',
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    createdAt: row.createdAt.toISOString(),
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
    revokedAt: row.revokedAt?.toISOString() ?? null,
  };
}

export const accountHandlers: Pick<Handlers, 'createKey' | 'listKeys' | 'revokeKey' | 'getMe'> = {
  createKey: ({ actor, body, once }) =>
    once(async (tx) => {
      const { row, key } = await createKey(tx, actor.projectId, body.name);
      return { ...present(row), key };
    }),

  async listKeys({ actor, query, deps }) {
    const { limit, after } = query;
    const rows = await listKeys(deps.db, actor.projectId, { limit: limit + 1, after });
    return listPage(rows, limit, present, (row) => row.id);
  },

  async revokeKey({ actor, params, deps }) {
    const row = await revokeKey(deps.db, actor.projectId, params.id);
    return present(found(row, `key ${params.id}`));
  },

  async getMe({ actor, deps }) {
    const project = found(await getProject(deps.db, actor.projectId), 'project');
    return {
      object: 'me',
      project: { id: project.id, name: project.name },
      user: actor.user,
      key: actor.key,
      version,
      inferenceUrl: deps.config.inferenceUrl,
    };
  },
};
