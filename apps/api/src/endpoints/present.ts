import type { EndpointView, LedgerView } from '@vanda/contracts';
import {
  type EndpointDetails,
  type LedgerRow,
  type ServingTraffic,
  workerSilenceMs,
} from '@vanda/records';

/** The full address of an endpoint, as apps call it. */
export function endpointUrl(inferenceUrl: string, name: string): string {
  return `${inferenceUrl}/v1/models/${name}:predict`;
}

export function presentEndpoint(row: EndpointDetails, inferenceUrl: string): EndpointView {
  return {
    object: 'endpoint',
    id: row.id,
    name: row.name,
    model: row.model.name,
    version: row.entry.modelVersion.version,
    traffic: row.entry.traffic as EndpointView['traffic'],
    url: endpointUrl(inferenceUrl, row.name),
    serving: presentServing(row),
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

/** What the live inference servers together have made of the ledger entry in force. */
function presentServing(row: EndpointDetails): EndpointView['serving'] {
  const live = row.serving.filter(
    ({ worker }) =>
      worker.stoppedAt === null && Date.now() - worker.heartbeatAt.getTime() < workerSilenceMs,
  );
  const current = live.filter((serving) => serving.seq >= row.seq);
  const failed = current.filter((serving) => serving.state === 'failed');
  const state = current.some((serving) => serving.state === 'ready')
    ? 'ready'
    : row.liveServers === 0
      ? 'no-server'
      : failed.length > 0 && failed.length >= row.liveServers
        ? 'failed'
        : 'loading';
  const traffic = live.flatMap(({ traffic: part }) =>
    part === null ? [] : [part as unknown as ServingTraffic],
  );
  const sum = (of: (part: ServingTraffic) => number) =>
    traffic.reduce((total, part) => total + of(part), 0);
  return {
    state,
    error: state === 'failed' ? (failed[0]?.error ?? null) : null,
    requests: sum((part) => part.requests),
    errors: sum((part) => part.errors),
    perSecond: sum((part) => part.rate),
    p50Ms: slowest(traffic.map((part) => part.p50Ms)),
    p99Ms: slowest(traffic.map((part) => part.p99Ms)),
  };
}

/** Quantiles of several servers cannot be added: the slowest server's is the honest one. */
function slowest(values: (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}

export function presentEntry(row: LedgerRow): LedgerView {
  return {
    seq: row.seq,
    action: row.action as LedgerView['action'],
    version: row.modelVersion.version,
    traffic: row.traffic as LedgerView['traffic'],
    actor: row.actor,
    at: row.at.toISOString(),
  };
}
