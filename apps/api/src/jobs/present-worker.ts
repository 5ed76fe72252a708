import type { WorkerView } from '@vanda/contracts';
import type { WorkerRow } from '@vanda/records';

export function presentWorker(row: WorkerRow & { live: boolean }): WorkerView {
  return {
    object: 'worker',
    id: row.id,
    hostname: row.hostname,
    roles: row.roles,
    labels: row.labels as Record<string, string>,
    devices: row.devices,
    slots: row.slots,
    busy: row.busy,
    rate: row.rate as WorkerView['rate'],
    version: row.version,
    live: row.live,
    startedAt: row.startedAt.toISOString(),
    heartbeatAt: row.heartbeatAt.toISOString(),
  };
}
