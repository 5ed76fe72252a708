import type { IngestState } from '@vanda/contracts';
import type { StateTable } from './machine.ts';

export type UploadState = 'open' | 'completed' | 'aborted' | 'expired';
export type UploadEvent = 'complete' | 'abort' | 'expire';
export const uploadTable: StateTable<UploadState, UploadEvent> = {
  open: { complete: 'completed', abort: 'aborted', expire: 'expired' },
  // A completed upload that no dataset took within its time is given up like an open one.
  completed: { abort: 'aborted', expire: 'expired' },
  aborted: {},
  expired: {},
};

export type IngestEvent = 'start' | 'requeue' | 'succeed' | 'fail';
export const ingestTable: StateTable<IngestState, IngestEvent> = {
  queued: { start: 'running', fail: 'failed' },
  // `start` from running: another worker takes over after the lease of the first ran out.
  running: { start: 'running', requeue: 'queued', succeed: 'succeeded', fail: 'failed' },
  succeeded: {},
  failed: {},
};
