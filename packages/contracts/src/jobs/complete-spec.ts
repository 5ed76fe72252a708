import type { DatasetProfile, ImagesProfile } from '../datasets/profile.ts';
import { VandaError } from '../errors.ts';
import type { BaseModel } from './base-model.ts';
import { completeRetrain, trainsOnFeatures } from './complete-retrain.ts';
import type { CompletedModel, PictureInput } from './model-spec.ts';
import type { CompletedSpec, OptimizerSpec, TrainSpec } from './spec.ts';

const weightsMax = 100_000_000;
const wholeBaseBatch = 32;
/**
 * Of the usual learning rate: a head on features that stay learns faster than a whole network, without harm; weights
 * that are trained already are to be put right, not to be found.
 */
const retrainRates = { head: 3, base: 0.1 };

/**
 * Fills every field that a spec leaves out with a default that fits the data: a small table gets small batches
 * and more epochs. Throws `invalid-spec` where spec and data do not go together.
 *
 * @param datasetName NAME@VERSION, as resolved at submission.
 * @param base What a retraining builds on, as resolved at submission; others have none.
 */
export function completeSpec(
  spec: TrainSpec,
  datasetName: string,
  profile: DatasetProfile,
  base?: BaseModel,
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
  const model = completeModel(spec, profile, base);
  refuseTooLarge(model);
  const batchSize = training.batchSize ?? defaultBatchSize(profile, { model, training, split });
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
  const onFeatures = trainsOnFeatures({ model, training });
  const epochs =
    training.epochs ?? (onFeatures ? headEpochs(items) : defaultEpochs(pictures, items));
  const completed: CompletedSpec = {
    kind: 'train',
    name: spec.name,
    task: spec.task,
    dataset: datasetName,
    ...(spec.target === undefined ? {} : { target: spec.target }),
    ...(spec.columns === undefined ? {} : { columns: { exclude: spec.columns.exclude ?? [] } }),
    model,
    split,
    training: {
      epochs,
      batchSize,
      optimizer: completeOptimizer(training.optimizer, model),
      schedule: training.schedule ?? { kind: 'constant' },
      l2: training.l2 ?? 0,
      ...(training.augment === undefined ? {} : { augment: training.augment }),
      seed: training.seed ?? 1,
      precision: training.precision ?? 'float32',
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
      ...(spec.resources?.memoryMiB === undefined ? {} : { memoryMiB: spec.resources.memoryMiB }),
    },
    ...(spec.deploy === undefined ? {} : { deploy: spec.deploy }),
  };
  return { spec: completed, warnings };
}

/** Never more than the items for training; where the whole of a base runs in each step, few, since it is large. */
export function defaultBatchSize(
  profile: DatasetProfile,
  spec: Pick<CompletedSpec, 'model' | 'split'> & { training: { augment?: object | undefined } },
): number {
  const whole = spec.model.kind === 'retrain' && !trainsOnFeatures(spec);
  const usual = whole ? wholeBaseBatch : usualBatchSize(profile);
  return Math.min(usual, Math.max(1, trainingItems(profile, spec.split)));
}

function usualBatchSize({ kind, items }: DatasetProfile): number {
  if (kind === 'images') return items < 2000 ? 32 : 128;
  if (items < 2000) return 32;
  if (items < 20_000) return 64;
  return items < 100_000 ? 128 : 1024;
}

/** How many items are left for training: what is not predefined for another split is drawn from these. */
export function trainingItems(
  { items, splits }: DatasetProfile,
  split: { validation: number; test: number },
): number {
  const pool = items - splits.validation - splits.test;
  const drawn = drawnItems(pool, split, {
    validation: splits.validation > 0,
    test: splits.test > 0,
  });
  return pool - drawn.validation - drawn.test;
}

/**
 * How many of the items that could train are drawn for the splits that the data does not predefine. A fraction
 * above zero is at least one item, two items stay for training, and validation comes before the test.
 */
export function drawnItems(
  pool: number,
  split: { validation: number; test: number },
  predefined: { validation: boolean; test: boolean },
): { validation: number; test: number } {
  const wanted = (name: 'validation' | 'test') =>
    predefined[name] || split[name] === 0 ? 0 : Math.max(1, Math.round(split[name] * pool));
  const free = Math.max(0, pool - 2);
  const validation = Math.min(wanted('validation'), free);
  return { validation, test: Math.min(wanted('test'), free - validation) };
}

function defaultEpochs(pictures: boolean, items: number): number {
  if (pictures) return items < 2000 ? 20 : items < 20_000 ? 8 : 3;
  if (items < 2000) return 150;
  if (items < 20_000) return 60;
  return items < 200_000 ? 10 : 3;
}

/** An epoch over features that are known takes hardly any time. */
function headEpochs(items: number): number {
  return items < 2000 ? 60 : items < 20_000 ? 30 : 10;
}

function completeOptimizer(
  optimizer: NonNullable<TrainSpec['training']>['optimizer'] = { kind: 'adam' },
  model: CompletedModel,
): OptimizerSpec {
  const usual = { sgd: 0.01, momentum: 0.01, adam: 0.001, adamw: 0.001 }[optimizer.kind];
  const part = model.kind !== 'retrain' ? null : model.unfreeze === 'none' ? 'head' : 'base';
  const rate = part === null ? usual : usual * retrainRates[part];
  return { ...optimizer, learningRate: optimizer.learningRate ?? rate };
}

function completeModel(
  spec: TrainSpec,
  profile: DatasetProfile,
  base: BaseModel | undefined,
): CompletedModel {
  if (spec.model?.kind === 'retrain') return completeRetrain(spec.model, base);
  const model =
    spec.model ?? (profile.kind === 'images' ? { kind: 'cnn' as const } : { kind: 'mlp' as const });
  const input = profile.kind === 'images' ? pictureInput(model, profile) : undefined;
  const picture = input ?? { size: 28, channels: 1 };
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
        filters: model.filters ?? defaultFilters(picture.size),
        dense: model.dense ?? 128,
        batchNorm: model.batchNorm ?? false,
        dropout: model.dropout ?? 0.25,
        input: picture,
      };
  }
}

/** A block more for each doubling of the picture, since each block halves it. */
function defaultFilters(size: number): number[] {
  return [32, 64, 128, 128, 256, 256].slice(0, Math.max(2, Math.ceil(Math.log2(size / 10))));
}

/**
 * Weights that the spec alone decides about. Optimizer state, gradients and the best epoch's copy take five times
 * their memory.
 */
function weightCount(model: CompletedModel): number {
  if (model.kind === 'linear') return 0;
  if (model.kind !== 'cnn') {
    const [first = 0, ...rest] = model.hidden;
    // How wide the features of a base are is not known here.
    const pixels = model.kind === 'mlp' ? pixelsOf(model) : 0;
    return rest.reduce(({ sum, before }, units) => ({ sum: sum + before * units, before: units }), {
      sum: pixels * first,
      before: first,
    }).sum;
  }
  let [sum, side, before]: [number, number, number] = [0, model.input.size, model.input.channels];
  for (const filters of model.filters) {
    sum += 9 * before * filters;
    before = filters;
    if (side >= 4) side = Math.floor(side / 2);
  }
  return sum + side * side * before * model.dense;
}

function pixelsOf({ input }: { input?: PictureInput }): number {
  return input ? input.size ** 2 * input.channels : 0;
}

function refuseTooLarge(model: CompletedModel): void {
  const weights = weightCount(model);
  if (weights <= weightsMax) return;
  const sentence = `The model would have ${Math.round(weights / 1e6).toLocaleString('en')} million weights; at most ${weightsMax / 1e6} million are possible. Make its layers or the pictures smaller.`;
  throw new VandaError('invalid-spec', `/model: ${sentence}`, [
    { pointer: '/model', message: sentence },
  ]);
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
