import {
  type ExportFormat,
  exportFormats,
  type ModelExportView,
  type ParityReport,
} from '@vanda/contracts';
import {
  askForExport,
  type ExportDetails,
  exportRole,
  findExport,
  findModelVersion,
  listExports,
  objectOf,
} from '@vanda/records';
import { presentFailure } from '../datasets/present.ts';
import type { Deps } from '../deps.ts';
import { found } from '../http/found.ts';
import type { Handlers } from '../http/handler.ts';

const downloadForS = 15 * 60;

type ExportHandlers = Pick<
  Handlers,
  'createExport' | 'listExports' | 'getExport' | 'downloadExport'
>;

export const exportHandlers: ExportHandlers = {
  async createExport({ actor, params, body, deps, once }) {
    let outboxId: bigint | null = null;
    const version = await modelVersion(deps, actor.projectId, params);
    const view = await once(async (tx) => {
      const asked = await askForExport(tx, version, body.format);
      outboxId = asked.outboxId;
      return presentExport(asked.export);
    });
    if (outboxId !== null) deps.doorbell.ring('export', { exportId: view.id }, { outboxId });
    return view;
  },

  async listExports({ actor, params, deps }) {
    const { id } = await modelVersion(deps, actor.projectId, params);
    const data = (await listExports(deps.db, id)).map(presentExport);
    return { object: 'list', data, has_more: false, last_id: data.at(-1)?.id ?? null };
  },

  async getExport({ actor, params, deps }) {
    return presentExport(await exportOf(deps, actor.projectId, params));
  },

  async downloadExport({ actor, params, deps }) {
    const row = await exportOf(deps, actor.projectId, params);
    const owner = { kind: 'model-version', id: row.modelVersionId };
    const key = await objectOf(deps.db, owner, exportRole(row.format));
    const { filename, state } = presentExport(row);
    return deps.objects.signGet(found(key, `finished export: it is ${state}, and`), {
      expiresInS: downloadForS,
      filename,
      contentType: filename.endsWith('.zip') ? 'application/zip' : 'application/octet-stream',
    });
  },
};

interface ByVersion {
  name: string;
  version: number;
}

async function modelVersion(deps: Deps, projectId: string, { name, version }: ByVersion) {
  const row = await findModelVersion(deps.db, projectId, name, version);
  return found(row, `model ${name}@${version}`);
}

async function exportOf(
  deps: Deps,
  projectId: string,
  params: ByVersion & { format: ExportFormat },
): Promise<ExportDetails> {
  const { id } = await modelVersion(deps, projectId, params);
  const { name, version, format } = params;
  return found(await findExport(deps.db, id, format), `export of ${name}@${version} to ${format}`);
}

/** What reports did not say at first. */
const unmeasured = { split: null, madeUp: false, accuracy: null, sourceAccuracy: null };

function presentExport(row: ExportDetails): ModelExportView {
  const { model, version } = row.modelVersion;
  const format = row.format as ExportFormat;
  return {
    object: 'export',
    id: row.id,
    model: model.name,
    version,
    format,
    state: row.state as ModelExportView['state'],
    filename: `${model.name}-${version}-${format}.${exportFormats[format].extension}`,
    report:
      row.report === null ? null : { ...unmeasured, ...(row.report as unknown as ParityReport) },
    failure: presentFailure(row),
    createdAt: row.createdAt.toISOString(),
    finishedAt: row.finishedAt?.toISOString() ?? null,
  };
}
