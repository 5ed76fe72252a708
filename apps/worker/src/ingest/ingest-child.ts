import { serveTask } from '../bounded/serve-task.ts';
import { type IngestResult, type IngestTask, runIngest } from './run-ingest.ts';

/** The process of one ingest: reads what strangers sent. */
serveTask<Omit<IngestTask, 'signal' | 'onProgress'>, IngestResult>((task, onProgress) =>
  runIngest({ ...task, onProgress }),
);
