import type {
  DatasetProfile,
  JobMetrics,
  JobProgress,
  LogLine,
  MetricPoint,
  ModelSignature,
} from '@vanda/contracts';

/** Local files, already downloaded and checked by hash. */
export interface TrainingData {
  profile: DatasetProfile;
  /** Local paths in the order of profile.files: Parquet for tables, WebDataset tar shards for pictures. */
  files: string[];
}

export interface TrainingOptions {
  /** An existing folder for everything that a run writes: cache, checkpoints, artifact, splits. */
  workDir: string;
  threads: number;
  /** A checkpoint's file; the run goes on from there and ends as if it had never stopped. */
  resumeFrom?: string;
  signal: AbortSignal;
  /** How old the last checkpoint may get within an epoch; 60 s by default. */
  checkpointEveryMs?: number;
  /** Written into the artifact; the engine's own version by default. */
  engineVersion?: string;
}

export interface TrainingEvents {
  progress(progress: JobProgress): void;
  /** Every point once: [step, epoch, series, value]. `train.loss` each step, `validation.*` each epoch. */
  metrics(points: MetricPoint[]): void;
  log(line: LogLine): void;
  /**
   * A complete, fsynced, self-contained file in workDir that the callee owns from here on (uploads it, deletes it).
   * Training waits for the answer. At least every epoch and every 60 s. Left out: nothing is written.
   */
  checkpoint?(checkpoint: { path: string; step: number; epoch: number }): Promise<void> | void;
}

export interface TrainingResult {
  /** Folder with model.json and weights.safetensors. */
  artifact: string;
  metrics: JobMetrics;
  signature: ModelSignature;
  /** A Parquet file: row (BIGINT, the item's index over the whole version) and split. */
  splits: string;
  warnings: string[];
  /** Counted from 1. */
  bestEpoch: number;
  steps: number;
}
