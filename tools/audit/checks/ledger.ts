import type { AuditCheck } from '../audit.ts';

interface EndpointRow {
  id: string;
  state: string;
  seq: number;
  deleted: boolean;
  model_id: string;
  entries: Entry[] | null;
}

interface Entry {
  seq: number;
  action: string;
  model_id: string;
  version: number;
  version_deleted: boolean;
  traffic: { version: number; percent: number }[];
}

/** Ledger and traffic add up, and a live endpoint serves a version that is there. */
export const checkLedger: AuditCheck = async ({ rows }) => {
  const endpoints = await rows<EndpointRow>(`
    SELECT e.id, e.state, e.seq, e.deleted_at IS NOT NULL AS deleted, e.model_id,
      (SELECT jsonb_agg(jsonb_build_object('seq', l.seq, 'action', l.action, 'model_id', v.model_id,
          'version', v.version, 'version_deleted', v.deleted_at IS NOT NULL, 'traffic', l.traffic)
          ORDER BY l.seq)
        FROM ledger l JOIN model_versions v ON v.id = l.model_version_id
        WHERE l.endpoint_id = e.id) AS entries
    FROM endpoints e`);
  return endpoints.flatMap((endpoint) =>
    ofEndpoint(endpoint).map((message) => ({ subject: endpoint.id, message })),
  );
};

function ofEndpoint({ state, seq, deleted, model_id, entries }: EndpointRow): string[] {
  const ledger = entries ?? [];
  const last = ledger.at(-1);
  if (!last) return ['the endpoint has no ledger.'];
  const wrong = ledger.flatMap((entry, index) => ofEntry(entry, index, model_id));
  if (last.seq !== seq)
    wrong.push(`the endpoint is at ledger row ${seq}, the last one is ${last.seq}.`);
  if ((state === 'deleted') !== deleted || deleted !== (last.action === 'delete')) {
    wrong.push(`the endpoint is ${state}, and its last ledger row says ${last.action}.`);
  }
  if (state === 'active' && last.version_deleted) {
    wrong.push(`it serves version ${last.version}, which was deleted.`);
  }
  return wrong;
}

function ofEntry(entry: Entry, index: number, modelId: string): string[] {
  const wrong: string[] = [];
  if (entry.seq !== index + 1) wrong.push(`ledger row ${entry.seq} stands in place ${index + 1}.`);
  if ((entry.action === 'create') !== (index === 0)) {
    wrong.push(`ledger row ${entry.seq} says ${entry.action}, and "create" comes first and once.`);
  }
  if (entry.model_id !== modelId)
    wrong.push(`ledger row ${entry.seq} names another model's version.`);
  const sum = entry.traffic.reduce((total, { percent }) => total + percent, 0);
  const expected = entry.action === 'delete' ? 0 : 100;
  if (sum !== expected) {
    wrong.push(
      `the traffic of ledger row ${entry.seq} is ${sum} % in all instead of ${expected} %.`,
    );
  }
  return wrong;
}
