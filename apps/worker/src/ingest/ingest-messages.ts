import type { ErrorCode } from '@vanda/contracts';
import type { IngestResult, IngestTask } from './run-ingest.ts';

/** What the process of one ingest is told and what it tells, over Node's channel. */
export type ToIngestChild = {
  type: 'start';
  task: Omit<IngestTask, 'signal' | 'onProgress'>;
};

export type FromIngestChild =
  | { type: 'progress'; percent: number; note: string }
  | { type: 'done'; result: IngestResult }
  /** `code` is null where it was none of the errors that a user may read. */
  | { type: 'failed'; code: ErrorCode | null; message: string };
