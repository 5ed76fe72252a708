import type {
  DatasetProfile,
  JobMetrics,
  JobProgress,
  LogLine,
  MetricPoint,
  ModelSignature,
  SplitMetrics,
} from '@vanda/contracts';

import type { KeptPredictions } from './predictions/keep-predictions.ts';

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
  /** Of a retraining: the folder with the artifact of its base. */
  baseFolder?: string;
  signal: AbortSignal;
  /** How old the last checkpoint may get within an epoch; 60 s by default. */
  checkpointEveryMs?: number;
  /** How long after the beginning the first preview comes at the earliest, and each after the one before; 3 s by default. */
  previewEveryMs?: number;
  /**
   * The most that decoded pictures may take in workDir, 16 GiB by default; more are decoded in each epoch again. The same
   * for the features of a frozen base; of more, the base runs in each epoch again.
   */
  pixelsBytesMax?: number;
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
  /**
   * The best epoch so far as an artifact that can be served, at the end of an epoch that is not the last. The callee
   * owns the folder from here on. Training waits for the answer. Left out: nothing is written.
   */
  preview?(preview: TrainingPreview): Promise<void> | void;
}

export interface TrainingPreview {
  /** With model.json and weights.safetensors, below workDir. */
  folder: string;
  /** The best so far, counted from 1. */
  epoch: number;
  /** Its figures on the validation split; null where that is empty. */
  validation: SplitMetrics | null;
  /** The accuracy of always answering the validation split's most frequent label; null for numbers and without a split. */
  chance: number | null;
  signature: ModelSignature;
}

export interface TrainingResult {
  /** Folder with model.json and weights.safetensors. */
  artifact: string;
  metrics: JobMetrics;
  signature: ModelSignature;
  /** A Parquet file: row (BIGINT, the item's index over the whole version) and split. */
  splits: string;
  /** What the best weights said about the test split; null where there is none. */
  predictions: KeptPredictions | null;
  warnings: string[];
  /** Counted from 1. */
  bestEpoch: number;
  steps: number;
}
