import {
  type Backbone,
  type BackboneView,
  backboneModel,
  backbones,
  type ModelImportView,
  namedBackbone,
  VandaError,
} from '@vanda/contracts';
import {
  askForBackbone,
  createImport,
  findImport,
  type ImportDetails,
  isOfUse,
  listImports,
  newestPulls,
} from '@vanda/records';
import { presentFailure } from '../datasets/present.ts';
import { found } from '../http/found.ts';
import type { Handlers } from '../http/handler.ts';
import { listPage } from '../http/pages.ts';

type ImportHandlers = Pick<
  Handlers,
  'createImport' | 'listImports' | 'getImport' | 'listBackbones' | 'pullBackbone'
>;

export const importHandlers: ImportHandlers = {
  async createImport({ actor, params, body, deps, once }) {
    let outboxId: bigint | null = null;
    const view = await once(async (tx) => {
      const created = await createImport(tx, {
        projectId: actor.projectId,
        name: params.name,
        backbone: null,
        options: body.options ?? {},
        uploads: body.uploads,
      });
      outboxId = created.outboxId;
      return presentImport(created.import);
    });
    if (outboxId !== null) deps.doorbell.ring('import', { importId: view.id }, { outboxId });
    return view;
  },

  async listImports({ actor, query, deps }) {
    const { limit, after } = query;
    const rows = await listImports(deps.db, actor.projectId, { limit: limit + 1, after });
    return listPage(rows, limit, presentImport, (row) => row.id);
  },

  async getImport({ actor, params, deps }) {
    const row = await findImport(deps.db, actor.projectId, params.id);
    return presentImport(found(row, `import ${params.id}`));
  },

  async listBackbones({ actor, deps }) {
    const pulls = await newestPulls(deps.db, actor.projectId);
    const data = backbones.map((one) => presentBackbone(one, pulls.get(one.name) ?? null));
    return { object: 'list', data, has_more: false, last_id: data.at(-1)?.name ?? null };
  },

  async pullBackbone({ actor, params, body, deps, once }) {
    const backbone = namedBackbone(backbones, params.name);
    if (backbone === undefined) {
      const known = backbones.map(({ name }) => name).join(', ');
      throw new VandaError(
        'not-found',
        `There is no backbone ${params.name.slice(0, 63)}; there are ${known}.`,
      );
    }
    let outboxId: bigint | null = null;
    const view = await once(async (tx) => {
      const asked = await askForBackbone(tx, {
        projectId: actor.projectId,
        name: backboneModel(backbone.name),
        backbone: backbone.name,
        options: {},
        uploads: body.uploads ?? [],
      });
      outboxId = asked.outboxId;
      return presentImport(asked.import);
    });
    if (outboxId !== null) deps.doorbell.ring('import', { importId: view.id }, { outboxId });
    return view;
  },
};

function presentImport(row: ImportDetails): ModelImportView {
  return {
    object: 'import',
    id: row.id,
    model: row.name,
    backbone: row.backbone,
    state: row.state as ModelImportView['state'],
    note: row.note,
    version: row.modelVersion?.version ?? null,
    failure: presentFailure(row),
    createdAt: row.createdAt.toISOString(),
    finishedAt: row.finishedAt?.toISOString() ?? null,
  };
}

function presentBackbone(
  { name, source, licence, trainedOn, files, parameters, input, features }: Backbone,
  pull: ImportDetails | null,
): BackboneView {
  const isThere = pull?.state === 'succeeded' && isOfUse(pull);
  return {
    object: 'backbone',
    name,
    source: { ...source },
    licence,
    trainedOn,
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    parameters,
    input: { ...input },
    features: { ...features },
    files: files.map((file) => ({ ...file })),
    model: backboneModel(name),
    version: isThere ? (pull.modelVersion?.version ?? null) : null,
    import: pull && presentImport(pull),
  };
}
