import type { DatasetProfile, ImagesProfile } from '../datasets/profile.ts';
import { VandaError } from '../errors.ts';
import type {
  CompletedModel,
  CompletedSpec,
  OptimizerSpec,
  PictureInput,
  TrainSpec,
} from './spec.ts';

/**
 * Fills every field that a spec leaves out with a default that fits the data: a small table gets small batches
 * and more epochs. Throws `invalid-spec` where spec and data do not go together.
 *
 * @param datasetName NAME@VERSION, as resolved at submission.
 */
export function completeSpec(
  spec: TrainSpec,
  datasetName: string,
  profile: DatasetProfile,
): { spec: CompletedSpec; warnings: string[] } {
  const pictures = spec.task === 'image-classification';
  if (pictures !== (profile.kind === 'images')) {
    throw new VandaError(
      'invalid-spec',
      `/task: ${spec.task} needs ${pictures ? 'pictures' : 'a table'}, but ${datasetName} is ${profile.kind === 'images' ? 'a set of pictures' : 'a table'}.`,
      [
        {
          pointer: '/task',
          message: `Does not fit the dataset, which is ${profile.kind === 'images' ? 'a set of pictures: use image-classification' : 'a table: use tabular-classification or tabular-regression'}.`,
        },
      ],
    );
  }
  const warnings: string[] = [];
  const items = profile.items;
  const training = spec.training ?? {};
  const split = {
    validation: spec.split?.validation ?? 0.1,
    test: spec.split?.test ?? 0.1,
    seed: spec.split?.seed ?? 1,
  };
  const batchSize = training.batchSize ?? defaultBatchSize(profile, split);
  const trainable = trainingItems(profile, split);
  if (batchSize > trainable) {
    const most = trainable.toLocaleString('en');
    throw new VandaError(
      'invalid-spec',
      `/training/batchSize: ${batchSize} is more than the ${most} items of ${datasetName} that are for training.`,
      [
        {
          pointer: '/training/batchSize',
          message: `Must be at most ${most}, the number of items for training.`,
        },
      ],
    );
  }
  const epochs = training.epochs ?? defaultEpochs(pictures, items);
  const completed: CompletedSpec = {
    kind: 'train',
    name: spec.name,
    task: spec.task,
    dataset: datasetName,
    ...(spec.target === undefined ? {} : { target: spec.target }),
    ...(spec.columns === undefined ? {} : { columns: { exclude: spec.columns.exclude ?? [] } }),
    model: completeModel(spec, profile),
    split,
    training: {
      epochs,
      batchSize,
      optimizer: completeOptimizer(training.optimizer),
      schedule: training.schedule ?? { kind: 'constant' },
      l2: training.l2 ?? 0,
      seed: training.seed ?? 1,
      earlyStopping:
        training.earlyStopping === null
          ? null
          : training.earlyStopping
            ? { minDelta: 0, ...training.earlyStopping }
            : { patience: Math.max(3, Math.ceil(epochs / 5)), minDelta: 0 },
    },
    resources: {
      device: spec.resources?.device ?? 'auto',
      priority: spec.resources?.priority ?? 0,
      timeoutMinutes: spec.resources?.timeoutMinutes ?? 60,
      retries: spec.resources?.retries ?? 0,
    },
    ...(spec.deploy === undefined ? {} : { deploy: spec.deploy }),
  };
  return { spec: completed, warnings };
}

/** Never more than the items for training. */
export function defaultBatchSize(
  profile: DatasetProfile,
  split: { validation: number; test: number },
): number {
  return Math.min(usualBatchSize(profile), Math.max(1, trainingItems(profile, split)));
}

function usualBatchSize({ kind, items }: DatasetProfile): number {
  if (kind === 'images') return items < 2000 ? 32 : 128;
  if (items < 2000) return 32;
  return items < 100_000 ? 128 : 1024;
}

/** How many items are left for training: what is not predefined for another split is drawn from these. */
function trainingItems(
  { items, splits }: DatasetProfile,
  split: { validation: number; test: number },
): number {
  const pool = items - splits.validation - splits.test;
  const drawn = (fraction: number, predefined: number) =>
    predefined > 0 || fraction === 0 || pool < 3 ? 0 : Math.max(1, Math.round(fraction * pool));
  return pool - drawn(split.validation, splits.validation) - drawn(split.test, splits.test);
}

function defaultEpochs(pictures: boolean, items: number): number {
  if (pictures) return items < 2000 ? 20 : items < 20_000 ? 8 : 3;
  if (items < 2000) return 150;
  if (items < 20_000) return 40;
  return items < 200_000 ? 10 : 3;
}

function completeOptimizer(
  optimizer: NonNullable<TrainSpec['training']>['optimizer'],
): OptimizerSpec {
  if (optimizer === undefined) return { kind: 'adam', learningRate: 0.001 };
  const usual = { sgd: 0.01, momentum: 0.01, adam: 0.001, adamw: 0.001 }[optimizer.kind];
  return { ...optimizer, learningRate: optimizer.learningRate ?? usual };
}

function completeModel(spec: TrainSpec, profile: DatasetProfile): CompletedModel {
  const model =
    spec.model ?? (profile.kind === 'images' ? { kind: 'cnn' as const } : { kind: 'mlp' as const });
  const input = profile.kind === 'images' ? pictureInput(model, profile) : undefined;
  switch (model.kind) {
    case 'linear':
      return { kind: 'linear', ...(input ? { input } : {}) };
    case 'mlp':
      return {
        kind: 'mlp',
        hidden: model.hidden ?? [128, 64],
        activation: model.activation ?? 'relu',
        dropout: model.dropout ?? 0,
        ...(input ? { input } : {}),
      };
    case 'cnn':
      return {
        kind: 'cnn',
        filters: model.filters ?? [32, 64],
        dense: model.dense ?? 128,
        batchNorm: model.batchNorm ?? false,
        dropout: model.dropout ?? 0.25,
        input: input ?? { size: 28, channels: 1 },
      };
  }
}

function pictureInput(
  model: { input?: Partial<PictureInput> },
  profile: ImagesProfile,
): PictureInput {
  const most = profile.sizes[0];
  const side = most ? Math.max(most.width, most.height) : 64;
  return {
    size: model.input?.size ?? Math.min(64, Math.max(8, side)),
    channels: model.input?.channels ?? profile.channels,
  };
}
