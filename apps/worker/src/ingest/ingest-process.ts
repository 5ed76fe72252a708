import { fileURLToPath } from 'node:url';
import { type BoundedProcessOptions, inBoundedProcess } from '../bounded/bounded-process.ts';
import type { IngestResult, IngestTask } from './run-ingest.ts';

type Task = Omit<IngestTask, 'signal' | 'onProgress'>;
export type IngestProcessOptions = Omit<
  BoundedProcessOptions<Task>,
  'script' | 'doing' | 'workDir'
>;

const script = fileURLToPath(new URL('./ingest-child.ts', import.meta.url));

/** Reads what was pushed in a process of its own; errors as of `inBoundedProcess`. */
export function ingestInProcess(options: IngestProcessOptions): Promise<IngestResult> {
  const { workDir } = options.task;
  return inBoundedProcess({ ...options, script, doing: 'Reading the data', workDir });
}
