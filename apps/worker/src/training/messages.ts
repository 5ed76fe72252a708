import type { CompletedSpec, ErrorCode, JobProgress, LogLine, MetricPoint } from '@vanda/contracts';
import type { TrainingData, TrainingPreview, TrainingResult } from '@vanda/estimators';

/** What an attempt's process is told and what it tells, over Node's channel between parent and child. */
export type ToChild =
  | {
      type: 'start';
      spec: CompletedSpec;
      data: TrainingData;
      workDir: string;
      threads: number;
      resumeFrom: string | null;
      /** Of a retraining: where the artifact of its base lies. */
      baseFolder: string | null;
    }
  /** Stop within a step; the answer is `stopped`. */
  | { type: 'stop' }
  /** The worker is well and still holds the lease. Without it for `forMs` the process ends itself. */
  | { type: 'held'; forMs: number };

export type FromChild =
  | { type: 'loaded' }
  | { type: 'progress'; progress: JobProgress }
  | { type: 'metrics'; points: MetricPoint[] }
  | { type: 'log'; line: LogLine }
  | { type: 'checkpoint'; path: string; step: number; epoch: number }
  | { type: 'preview'; preview: TrainingPreview }
  | { type: 'done'; result: TrainingResult }
  | { type: 'stopped' }
  /**
   * `code` is null where it was none of the errors that a user may read; `full` where there was no room on the disk,
   * which is neither the user's nor the job's fault.
   */
  | { type: 'failed'; code: ErrorCode | null; message: string; full: boolean };
