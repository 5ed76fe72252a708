import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type BaseModel,
  baseModelOf,
  type CompletedSpec,
  completeSpec,
  type JobMetrics,
  parseOrThrow,
  type TrainSpec,
  trainSpec,
} from '@vanda/contracts';
import { trainImageClassification } from '../image-classification/train.ts';
import { loadPredictor } from '../load-predictor.ts';
import type { ClassPrediction, Prediction, Predictor } from '../prediction.ts';
import { train } from '../train.ts';
import type { TrainingEvents, TrainingResult } from '../training.ts';
import { openPictures } from './open-pictures.ts';
import { openTable, type TableSource } from './open-table.ts';

/** The fields of a training spec that matter without a platform, and where to listen. */
export interface EstimatorOptions extends Pick<TrainSpec, 'model' | 'split' | 'training'> {
  threads?: number;
  signal?: AbortSignal;
  on?: Partial<Pick<TrainingEvents, 'progress' | 'metrics' | 'log'>>;
}
export interface PictureOptions extends EstimatorOptions {
  /** Of a model of the kind `retrain`: the folder with the artifact of its base, as `save` writes it. */
  baseFolder?: string;
}
export interface TableOptions extends EstimatorOptions {
  /** The column to predict. */
  target: string;
  columns?: { exclude: string[] };
}

/** A trained model, ready to predict. */
export interface FittedModel<P extends Prediction> extends Omit<Predictor, 'predict'> {
  predict(instances: readonly unknown[]): Promise<P[]>;
  /** Of the best validation epoch, and on the test split. */
  readonly metrics: JobMetrics;
  readonly warnings: string[];
  readonly bestEpoch: number;
  /** A Parquet file until close(): which row was in which split. */
  readonly splits: string;
  /** A Parquet file until close(): what it says about each item of the test split; null where there is none. */
  readonly predictions: string | null;
  /** With every default as it was filled in from the data. */
  readonly spec: CompletedSpec;
  /** Writes the artifact (model.json and weights.safetensors), which loadPredictor reads. */
  save(folder: string): Promise<void>;
}
export interface Estimator<Source, P extends Prediction> {
  fit(source: Source): Promise<FittedModel<P>>;
}

/** Learns labels from a folder of pictures with one sub-folder a label, or from IDX pairs like MNIST's. */
export function imageClassifier(options: PictureOptions = {}): Estimator<string, ClassPrediction> {
  return {
    fit: (folder) =>
      inWorkDir(async (workDir) => {
        const { profile, items, warnings } = await openPictures(folder);
        const base = await baseOf(options);
        const spec = specFor('image-classification', options, profile, base);
        const { baseFolder } = options;
        const run = {
          spec,
          events: eventsFor(options),
          ...runOptions(options, workDir),
          ...(baseFolder === undefined ? {} : { baseFolder }),
        };
        const result = await trainImageClassification(run, profile, [], items);
        return { spec, result: { ...result, warnings: [...warnings, ...result.warnings] } };
      }, options),
  };
}

/** Learns a column of labels from a CSV, JSON or Parquet file, or from rows in memory. */
export function tabularClassifier(options: TableOptions): Estimator<TableSource, ClassPrediction> {
  return tableEstimator('tabular-classification', options);
}

/** Learns a column of numbers from a CSV, JSON or Parquet file, or from rows in memory. */
export function tabularRegressor(options: TableOptions): Estimator<TableSource, number> {
  return tableEstimator('tabular-regression', options);
}

function tableEstimator<P extends Prediction>(
  task: 'tabular-classification' | 'tabular-regression',
  options: TableOptions,
): Estimator<TableSource, P> {
  return {
    fit: (source) =>
      inWorkDir(async (workDir) => {
        const run = runOptions(options, workDir);
        const data = await openTable(source, workDir, run.threads);
        const spec = specFor(task, options, data.profile);
        return { spec, result: await train(spec, data, run, eventsFor(options)) };
      }, options),
  };
}

async function baseOf({ model, baseFolder }: PictureOptions): Promise<BaseModel | undefined> {
  if (model?.kind !== 'retrain' || baseFolder === undefined) return undefined;
  const text = await readFile(join(baseFolder, 'model.json'), 'utf8');
  return baseModelOf(model.base, JSON.parse(text));
}

function specFor(
  task: TrainSpec['task'],
  options: EstimatorOptions & Partial<TableOptions>,
  profile: Parameters<typeof completeSpec>[2],
  base?: BaseModel,
): CompletedSpec {
  const { model, split, training, target, columns } = options;
  const given = { name: 'model', task, dataset: 'data', target, columns, model, split, training };
  const spec = parseOrThrow(trainSpec, given, 'invalid-spec');
  return completeSpec(spec, 'data@1', profile, base).spec;
}

function runOptions(options: EstimatorOptions, workDir: string) {
  return {
    workDir,
    threads: options.threads ?? availableParallelism(),
    signal: options.signal ?? new AbortController().signal,
  };
}

function eventsFor({ on = {} }: EstimatorOptions): TrainingEvents {
  return {
    progress: (progress) => on.progress?.(progress),
    metrics: (points) => on.metrics?.(points),
    log: (line) => on.log?.(line),
  };
}

async function inWorkDir<P extends Prediction>(
  fit: (workDir: string) => Promise<{ spec: CompletedSpec; result: TrainingResult }>,
  options: EstimatorOptions,
): Promise<FittedModel<P>> {
  const workDir = await mkdtemp(join(tmpdir(), 'vanda-'));
  const remove = () => rm(workDir, { recursive: true, force: true });
  try {
    const { spec, result } = await fit(workDir);
    const { threads } = runOptions(options, workDir);
    const predictor = await loadPredictor(result.artifact, { threads });
    return {
      ...predictor,
      predict: async (instances) => (await predictor.predict(instances)) as P[],
      metrics: result.metrics,
      warnings: result.warnings,
      bestEpoch: result.bestEpoch,
      splits: result.splits,
      predictions: result.predictions?.parquet ?? null,
      spec,
      save: (folder) => cp(result.artifact, folder, { recursive: true }),
      close: () => {
        predictor.close();
        void remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
