import type { ExportState, ImportState } from '@vanda/contracts';
import type { StateTable } from './machine.ts';

export type ExportEvent = 'start' | 'requeue' | 'succeed' | 'fail' | 'retry';
export const exportTable: StateTable<ExportState, ExportEvent> = {
  queued: { start: 'running', fail: 'failed' },
  // `start` from running: another worker takes over after the lease of the first ran out.
  running: { start: 'running', requeue: 'queued', succeed: 'succeeded', fail: 'failed' },
  succeeded: {},
  // Asked for again: a version never changes, but the exporter may have been put right.
  failed: { retry: 'queued' },
};

export type ImportEvent = 'start' | 'requeue' | 'succeed' | 'fail';
export const importTable: StateTable<ImportState, ImportEvent> = {
  queued: { start: 'running', fail: 'failed' },
  // `start` from running: another worker takes over after the lease of the first ran out.
  running: { start: 'running', requeue: 'queued', succeed: 'succeeded', fail: 'failed' },
  succeeded: {},
  failed: {},
};
